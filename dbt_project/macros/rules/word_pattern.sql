{% macro word_pattern(words, starts=false) %}
    {#- a pattern for whole words; letters beyond ASCII belong to words whatever the database's locale, so that `add` is not
        found in `addı`, while an emoji ends one -#}
    {%- set outside = '[^a-z0-9_' ~ letters_beyond_ascii() ~ ']' -%}
    '{{ '^' if starts else '(^|' ~ outside ~ ')' }}(' || {{ words }} || ')({{ outside }}|$)'
{%- endmacro %}
