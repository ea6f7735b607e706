with

order_lines as (

    select * from {{ ref('int_order_lines_priced') }}

),

final as (

    select
        customer_id,
        order_id,
        product_id,
        product_name,
        quantity,
        unit_price,
        line_total,
        placed_at,
        is_known_order,
        is_known_product,
        count_source_rows,
        row_number() over (
            partition by order_id
            order by product_id
        ) as line_number
    from order_lines

)

select * from final
