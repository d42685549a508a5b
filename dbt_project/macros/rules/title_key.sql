{% macro title_key(title) %}
    {#- without the white space, emoji and :gitmoji: that titles open with -#}
    {{ replace_all(
        lower_ascii(title),
        "'^(\\s|:[a-z0-9_+-]+:|[\\u00A0\\u2000-\\u2BFF\\u3000\\uFE00-\\uFE0F\\uFEFF\\U0001F000-\\U0001FAFF])+'"
    ) }}
{%- endmacro %}
