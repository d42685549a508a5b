{% macro path_key(path, parted=false) %}
    {#- /src/userservicetest.java for src/UserServiceTest.java; parted, /src/user_service_test.java -#}
    {%- set words = replace_all(
        replace_all(path, "'([A-Z])([A-Z][a-z])'", "'\\1_\\2'"), "'([a-z0-9])([A-Z])'", "'\\1_\\2'"
    ) -%}
    '/' || {{ lower_ascii(words if parted else path) }}
{%- endmacro %}
