with

order_lines as (

    select * from {{ ref('stg_pos__orderline') }}

),

final as (

    select
        order_id,
        product_id,
        cast(sum(quantity) as signed) as quantity,
        count(*) as count_source_rows,
        row_number() over (
            partition by coalesce(order_id, {{ var('unknown_member') }})
            order by product_id
        ) as line_number
    from order_lines
    group by order_id, product_id

)

select * from final
