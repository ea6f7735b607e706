{% macro source_key(source_table) -%}
    {%- if source_table == 'orderline' -%}
        concat_ws(' ', order_id, product_id)
    {%- else -%}
        cast({{ 'zip' if source_table == 'city' else 'id' }} as char)
    {%- endif -%}
{%- endmacro %}
