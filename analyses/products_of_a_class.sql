{#- For another class: --vars '{abc_class: C}'. -#}
with

product_sales as (

    select * from {{ ref('rpt_product_sales') }}

),

final as (

    select
        product_id,
        product_name,
        total_units,
        revenue
    from product_sales
    where abc_class = {{ text_var('abc_class', 'A') }}

)

select * from final
order by revenue desc, product_id asc
