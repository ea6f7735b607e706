with

prices as (

    select * from {{ ref('product_prices') }}

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

final as (

    select
        product_id,
        product_name,
        unit_price,
        case when price_rank = 1 then cast('1000-01-01' as datetime(6)) else dbt_valid_from end as valid_from,
        coalesce(next_valid_from, cast('9999-12-31' as datetime(6))) as valid_to
    from neighbours

)

select * from final
