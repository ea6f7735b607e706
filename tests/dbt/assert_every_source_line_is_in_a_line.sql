{#- Rows and units of every order in the source are those of its lines, unknown orders included. -#}
with

counted as (

    select
        coalesce(order_id, {{ var('unknown_member') }}) as order_id,
        1 as source_rows,
        quantity
    from {{ ref('stg_pos__orderline') }}

    union all

    select
        order_id,
        -count_source_rows as source_rows,
        -quantity as quantity
    from {{ ref('fct_order_lines') }}

),

final as (

    select
        order_id,
        sum(source_rows) as missing_rows,
        sum(quantity) as missing_units
    from counted
    group by order_id
    having sum(source_rows) <> 0 or sum(quantity) <> 0

)

select * from final
