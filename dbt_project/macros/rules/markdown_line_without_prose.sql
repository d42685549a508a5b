{% macro markdown_line_without_prose() %}
    {#- a heading in Markdown or HTML, quote, table row, check box and what is indented below it, rule, bold line alone,
        link definition, or nothing but markup -#}
    {{- '[ \\t]*(?:#{1,6}(?:[ \\t][^\\n]*)?|>[^\\n]*|[|][^\\n]*|(?:[-*+]|[0-9]+[.)])[ \\t]+\\[[ xX]\\][^\\n]*'
        ~ '(?:\\n[ \\t]+[^ \\t\\n][^\\n]*)*'
        ~ '|(?:(?:-[ \\t]*){3,}|={3,}[ \\t]*|(?:[*][ \\t]*){3,}|(?:_[ \\t]*){3,})'
        ~ '|[*][*][^*\\n]+[*][*]:?[ \\t]*|\\[[^]\\n]+\\]:[ \\t][^\\n]*'
        ~ '|<[hH][1-6](?:[ \\t][^>\\n]*)?>[^\\n]*</[hH][1-6]>[ \\t]*'
        ~ '|(?:(?:' ~ markdown_markup() ~ ')[ \\t]*)+)?\\n' -}}
{% endmacro %}
