{% macro build_base() -%}
    {%- set base = incremental_base() if this.identifier == 'int_orders_changed' -%}
    {{ "'" ~ base ~ "'" if base else 'null' }}
{%- endmacro %}
