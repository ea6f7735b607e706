{% macro mariadb_marts__build_in_part(target_relation, new) %}
    {%- do replace_changed_rows(target_relation, new) -%}
{% endmacro %}
