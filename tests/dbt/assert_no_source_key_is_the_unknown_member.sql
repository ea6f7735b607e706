{#- A customer, product or order with this key would be mixed with rows that have no known one. -#}
with

source_keys as (

    select
        'customer' as source_table,
        customer_id as source_key
    from {{ ref('stg_pos__customer') }}

    union all

    select
        'product' as source_table,
        product_id as source_key
    from {{ ref('stg_pos__product') }}

    union all

    select
        'order' as source_table,
        order_id as source_key
    from {{ ref('stg_pos__order') }}

),

final as (

    select *
    from source_keys
    where source_key = {{ var('unknown_member') }}

)

select * from final
