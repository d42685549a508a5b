{% macro snapshot_builds() %}intermediate.snapshot_builds{% endmacro %}
