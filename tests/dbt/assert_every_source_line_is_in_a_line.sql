{#- Every product has the same rows and units in the source as in its lines, including unknown products. -#}
with

source_lines as (

    select
        coalesce(product_id, {{ var('unknown_member') }}) as product_id,
        count(*) as source_rows,
        sum(quantity) as units
    from {{ ref('stg_pos__orderline') }}
    group by coalesce(product_id, {{ var('unknown_member') }})

),

order_lines as (

    select
        product_id,
        sum(count_source_rows) as source_rows,
        sum(quantity) as units
    from {{ ref('fct_order_lines') }}
    group by product_id

),

counted as (

    select
        product_id,
        source_rows,
        units
    from source_lines

    union all

    select
        product_id,
        -source_rows as source_rows,
        -units as units
    from order_lines

),

final as (

    select
        product_id,
        sum(source_rows) as missing_rows,
        sum(units) as missing_units
    from counted
    group by product_id
    having sum(source_rows) <> 0 or sum(units) <> 0

)

select * from final
