{% macro check_thresholds() %}
    {%- for name, most in [('feature_min_confidence', 1), ('high_risk_threshold', 10)] -%}
        {%- if var(name) is not number or not 0 <= var(name) <= most -%}
            {%- do exceptions.raise_compiler_error(name ~ ' is ' ~ var(name) ~ ': write a number from 0 to ' ~ most) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
