{#- For another city: --vars '{city: Springfield, state: IL}'. -#}
with

purchases as (

    select * from {{ ref('fct_product_purchases') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

bought as (

    select
        product_id,
        cast(sum(quantity) as signed) as units,
        count(*) as count_buyers,
        sum(coalesce(amount, 0)) as amount
    from purchases
    where
        {{ ignoring_case('city') }} = {{ text_var('city', 'Houston') }}
        {%- if var('state', '') %}
        and {{ ignoring_case('state') }} = {{ text_var('state', '') }}
        {%- endif %}
    group by product_id

),

final as (

    select
        products.product_id,
        products.product_name,
        bought.count_buyers,
        bought.units,
        bought.amount
    from bought
    inner join products on bought.product_id = products.product_id

)

select * from final
order by product_id
