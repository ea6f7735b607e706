{#- Every customer, product and order of the source has one row in its mart, and the marts hold no others. -#}
with

counted as (

    select
        'customer' as source_table,
        customer_id as source_key,
        1 as difference
    from {{ ref('stg_pos__customer') }}

    union all

    select
        'customer' as source_table,
        customer_id as source_key,
        -1 as difference
    from {{ ref('dim_customers') }}

    union all

    select
        'product' as source_table,
        product_id as source_key,
        1 as difference
    from {{ ref('stg_pos__product') }}

    union all

    select
        'product' as source_table,
        product_id as source_key,
        -1 as difference
    from {{ ref('dim_products') }}

    union all

    select
        'order' as source_table,
        order_id as source_key,
        1 as difference
    from {{ ref('stg_pos__order') }}

    union all

    select
        'order' as source_table,
        order_id as source_key,
        -1 as difference
    from {{ ref('fct_orders') }}

),

final as (

    select
        source_table,
        source_key,
        sum(difference) as missing_rows
    from counted
    group by source_table, source_key
    having sum(difference) <> 0

)

select * from final
