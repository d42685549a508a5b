{% macro markdown_line_without_prose() %}
    {#- a heading, quote, table row, check box, rule, bold line alone, link definition, or nothing but markup -#}
    {{- '[ \\t]*(?:#{1,6}(?:[ \\t][^\\n]*)?|>[^\\n]*|[|][^\\n]*|(?:[-*+]|[0-9]+[.)])[ \\t]+\\[[ xX]\\][^\\n]*'
        ~ '|(?:-{3,}|={3,}|[*]{3,}|_{3,})[ \\t]*|[*][*][^*\\n]+[*][*]:?[ \\t]*|\\[[^]\\n]+\\]:[ \\t][^\\n]*'
        ~ '|(?:(?:' ~ markdown_markup() ~ ')[ \\t]*)+)?\\n' -}}
{% endmacro %}
