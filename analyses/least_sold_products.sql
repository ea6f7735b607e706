{#- Twenty instead of ten: --vars '{top: 20}'. -#}
with

product_sales as (

    select * from {{ ref('rpt_product_sales') }}

),

final as (

    select
        least_sold_rank,
        product_id,
        product_name,
        total_units,
        revenue,
        is_never_sold,
        last_sold_at
    from product_sales
    where is_known_product

)

select * from final
order by least_sold_rank, product_id
limit {{ var('top', 10) }}
