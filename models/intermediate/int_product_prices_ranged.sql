with

prices as (

    select * from {{ ref('product_prices') }}

),

products as (

    select * from {{ ref('stg_pos__product') }}

),

neighbours as (

    select
        product_id,
        product_name,
        current_price as unit_price,
        dbt_valid_from,
        row_number() over (
            partition by product_id
            order by dbt_valid_from
        ) as price_rank,
        lead(dbt_valid_from) over (
            partition by product_id
            order by dbt_valid_from
        ) as next_valid_from
    from prices
    where current_price is not null

),

-- Products that have never had a price, including deleted ones.
priceless as (

    select
        prices.product_id,
        max(prices.product_name) as product_name
    from prices
    where prices.product_id is not null
    group by prices.product_id
    having max(prices.current_price) is null

    union all

    select
        products.product_id,
        products.product_name
    from products
    left join prices on products.product_id = prices.product_id
    where prices.product_id is null and products.product_id is not null

),

ranged as (

    select
        product_id,
        product_name,
        unit_price,
        case when price_rank = 1 then cast('1000-01-01' as datetime(6)) else dbt_valid_from end as valid_from,
        coalesce(next_valid_from, cast('9999-12-31' as datetime(6))) as valid_to
    from neighbours

    union all

    select
        priceless.product_id,
        priceless.product_name,
        null as unit_price,
        cast('1000-01-01' as datetime(6)) as valid_from,
        cast('9999-12-31' as datetime(6)) as valid_to
    from priceless

),

named as (

    select
        ranged.product_id,
        ranged.unit_price,
        ranged.valid_from,
        ranged.valid_to,
        coalesce(products.product_name, ranged.product_name) as product_name,
        products.product_id is not null as is_known_product
    from ranged
    left join products on ranged.product_id = products.product_id

),

-- This table as the last build left it.
built as (

    {%- if is_built_before() %}

    select * from {{ this }}

    {%- else %}

    select * from named
    where false

    {%- endif %}

),

final as (

    select
        named.product_id,
        named.product_name,
        named.is_known_product,
        named.unit_price,
        named.valid_from,
        named.valid_to,
        named.valid_from = '1000-01-01'
        and not (
            coalesce(built.is_known_product = named.is_known_product, false)
            and {{ is_same_text('built.product_name', 'named.product_name') }}
            and built.unit_price <=> named.unit_price
        ) as is_changed
    from named
    left join built
        on
            named.product_id = built.product_id
            and named.valid_from = built.valid_from

)

select * from final
