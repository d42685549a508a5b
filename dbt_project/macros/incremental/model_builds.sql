{% macro model_builds() %}intermediate.model_builds{% endmacro %}
