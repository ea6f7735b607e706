{% macro mariadb_marts__is_built_in_part() %}
    {{ return(config.meta_get('changed_by') is not none and is_partial()) }}
{% endmacro %}
