{% macro finished_load(load_id) %}
    {#- dlt writes one table after the other: of a load that is under way the pull request may be there and its files not. Unknown
        until it has finished, so that the next build sees it change -#}
    case
        when {{ load_id }} in (select load_id from {{ ref('stg_github__finished_loads') }})
            then {{ load_id }}
    end
{%- endmacro %}
