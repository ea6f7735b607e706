{% macro incremental_base() %}
    {%- if not execute -%}
        {{ return('') }}
    {%- else -%}
    {%- set states = build_states() -%}
    {%- set now = [invocation_id] -%}
    {%- set built = ['fct_orders', 'fct_order_lines'] -%}
    {%- set compared = ['int_product_prices_ranged', 'int_customers_located'] -%}
    {%- set bases = [] -%}
    {%- for model in built + compared -%}
        {%- do bases.append(states.get(model, {}).get('previous') or '') -%}
    {%- endfor -%}
    {%- if flags.FULL_REFRESH or flags.EMPTY or '' in bases or bases | unique | list | length > 1 -%}
        {{ return(none) }}
    {%- endif -%}
    {%- for model in built -%}
        {%- if states[model].definition != build_definition() or not adapter.get_relation(none, this.schema, model) -%}
            {{ return(none) }}
        {%- endif -%}
    {%- endfor -%}
    {%- for model in compared if states[model].built_by != invocation_id -%}
        {{ return(none) }}
    {%- endfor -%}
    {%- set orders = run_query('select count(*) from ' ~ built_mart('fct_orders')).rows[0][0] -%}
    {{ return(bases[0] if orders >= number_var('incremental_from_orders', 0, 1000000000, 50000) | int else none) }}
    {%- endif -%}
{% endmacro %}
