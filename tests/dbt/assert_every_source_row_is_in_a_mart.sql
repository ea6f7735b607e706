{#-
    Every customer, product and order of the source is in its mart, and the marts hold no others. Keys are unique on both
    sides, so equal counts exclude others.
-#}
{%- set pairs = [
    ('stg_pos__customer', 'dim_customers', 'customer_id'),
    ('stg_pos__product', 'dim_products', 'product_id'),
    ('stg_pos__order', 'fct_orders', 'order_id'),
] -%}

with

{%- for staging, mart, _ in pairs %}

{{ staging }} as (

    select * from {{ ref(staging) }}

),

{{ mart }} as (

    select * from {{ ref(mart) }}

),
{%- endfor %}

final as (

    {%- for staging, mart, key in pairs %}

    select
        '{{ mart }}' as missing_in,
        staged.{{ key }} as missing_key
    from {{ staging }} as staged
    left join {{ mart }} as published on staged.{{ key }} = published.{{ key }}
    where published.{{ key }} is null

    union all

    select
        '{{ staging }}' as missing_in,
        max(published.{{ key }}) as missing_key
    from {{ mart }} as published
    having count(*) > (select count(*) from {{ staging }})
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

)

select * from final
