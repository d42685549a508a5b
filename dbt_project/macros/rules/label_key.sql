{% macro label_key(label) %}
    {#- type:feature for ":sparkles: Type: Feature", new-feature for "New feature ✨"; but 非bug, not a bug, is no bug -#}
    {%- set decoration = '[^a-z0-9' ~ letters_beyond_ascii() ~ ']+' -%}
    {%- set bare = replace_all(
        lower_ascii(label), "'^(:[a-z0-9_+-]+:)?" ~ decoration ~ '|' ~ decoration ~ "$'"
    ) -%}
    {{ replace_all(replace_all(bare, "'\\s*([:/])\\s*'", "'\\1'"), "'[ _]+'", "'-'") }}
{%- endmacro %}
