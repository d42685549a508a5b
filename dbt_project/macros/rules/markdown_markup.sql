{% macro markdown_markup() %}
    {#- what shows no words of its own: badges, images and tags -#}
    {%- set target = '(?:[(][^)\\n]*[)]|\\[[^]\\n]*\\])' -%}
    {{- '\\[!\\[[^]\\n]*\\]' ~ target ~ '?\\]' ~ target ~ '?|!\\[[^]\\n]*\\]' ~ target ~ '|</?[a-zA-Z][^>\\n]*>' -}}
{% endmacro %}
