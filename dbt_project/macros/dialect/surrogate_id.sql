{% macro surrogate_id(columns) %}
    {#- 63 bits of an md5: positive, and the same after every rebuild on every server -#}
    (('x' || left(md5(concat_ws(chr(31), {{ columns | join(', ') }})), 16))::bit(64)::bigint & 9223372036854775807)
{%- endmacro %}
