{% macro markdown_markup() %}
    {#- what shows no words of its own: badges, images, tags and hard spaces -#}
    {%- set target = '(?:[(][^)\\n]*[)]|\\[[^]\\n]*\\])' -%}
    {{- '\\[!\\[[^]\\n]*\\]' ~ target ~ '?\\]' ~ target ~ '?|!\\[[^]\\n]*\\]' ~ target ~ '|<img[^>]*>|</?[a-zA-Z][^>\\n]*>|&nbsp;' -}}
{% endmacro %}
