{% macro label_key(label) %}
    {#- type:feature for ":sparkles: Type: Feature", new-feature for "New feature ✨" -#}
    {%- set bare = replace_all(lower_ascii(label), "'^(:[a-z0-9_+-]+:)?[^[:alnum:]]+|[^[:alnum:]]+$'") -%}
    {{ replace_all(replace_all(bare, "'\\s*([:/])\\s*'", "'\\1'"), "'[ _]+'", "'-'") }}
{%- endmacro %}
