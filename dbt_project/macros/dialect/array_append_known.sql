{% macro array_append_known(array, elements) %}
    {{ array }} || array_remove(array[{{ elements | join(', ') }}], null)
{%- endmacro %}
