{% macro project_vars() %}
    {%- set others = [
        'pos_mode', 'lookback_days', 'incremental_from_orders',
        'abc_class_a_share', 'abc_class_b_share', 'inventory_window_days', 'low_cover_days', 'pairs_top_products',
        'pairs_minimum_orders', 'frequency_score_orders', 'unusual_order_total', 'unusual_quantity',
    ] -%}
    {%- set given = dict(adapter.config.vars.to_dict()) -%}
    {%- do given.update(given.pop(project_name, {})) -%}
    {%- do given.update(adapter.config.cli_vars) -%}
    {%- set found = [] -%}
    {%- for name, value in given.items() | sort(attribute='0') if name not in others -%}
        {%- do found.append([name, value]) -%}
    {%- endfor -%}
    {{ return(tojson(found, sort_keys=true)) }}
{% endmacro %}
