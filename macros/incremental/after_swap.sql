{% macro mariadb_marts__after_swap() %}
    {%- if config.meta_get('changed_by') or config.meta_get('compared') -%}
        {%- do run_query(record_build_state()) -%}
    {%- endif -%}
{% endmacro %}
