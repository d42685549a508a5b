{% macro path_key(path) %}
    {#- what the path patterns of the seeds are matched against: /src/user_service_test.java for src/UserServiceTest.java -#}
    '/' || {{ lower_ascii(replace_all(path, "'([a-z0-9])([A-Z])'", "'\\1_\\2'")) }}
{%- endmacro %}
