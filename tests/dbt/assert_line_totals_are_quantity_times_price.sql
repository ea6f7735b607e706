{#- Every line total is exact to the last decimal, and is missing only where the price is missing. -#}
with

final as (

    select
        customer_id,
        order_id,
        line_number,
        quantity,
        unit_price,
        line_total
    from {{ rows_to_test(ref('fct_order_lines')) }}
    where not (line_total <=> quantity * unit_price)

)

select * from final
