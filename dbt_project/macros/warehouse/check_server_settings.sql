{% macro check_server_settings() %}
    {%- if execute -%}
        {%- set names = ['standard_conforming_strings', 'default_transaction_isolation', 'client_encoding'] -%}
        {%- set accepted = [['on'], ['read committed', 'repeatable read'], ['UTF8']] -%}
        {%- set found = run_query("select current_setting('" ~ names | join("'), current_setting('") ~ "')").rows[0] -%}
        {%- for name in names -%}
            {%- if found[loop.index0] not in accepted[loop.index0] -%}
                {%- do exceptions.raise_compiler_error(
                    'this account or database sets ' ~ name ~ ' to ' ~ found[loop.index0] ~ ': alter role … in database '
                    ~ '… set ' ~ name ~ " = '" ~ accepted[loop.index0][0] ~ "'"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
