{#-
    A value of the source that is neither blank nor readable as its type would become NULL and vanish from the totals.
    Names each one. Zero dates, and the word Cancelled for a ship date, are known ways to say that there is none.
-#}
{%- set columns = [
    ('customer', 'id', clean_integer),
    ('customer', 'birthdate', clean_date),
    ('customer', 'zip', clean_code),
    ('city', 'zip', clean_code),
    ('product', 'id', clean_integer),
    ('product', 'currentPrice', clean_money),
    ('product', 'availableQuantity', clean_integer),
    ('order', 'id', clean_integer),
    ('order', 'customer_id', clean_integer),
    ('order', 'datePlaced', clean_timestamp),
    ('order', 'dateShipped', clean_timestamp),
    ('orderline', 'order_id', clean_integer),
    ('orderline', 'product_id', clean_integer),
    ('orderline', 'quantity', clean_integer),
] -%}

with

final as (

    {%- for table, column, clean in columns %}
    {%- set kinds = source_kinds(table) %}

    select
        '{{ table }}' as source_table,
        '{{ column }}' as source_column,
        cast({{ column }} as char) as unreadable_value
    from {{ pos_table(table) }}
    where
        {{ clean(column, kinds) }} is null
        and {{ clean_text(column) }} is not null
        and not {{ is_zero_date(column) }}
        {%- if column == 'dateShipped' %}
        and {{ clean_text(column) }} not in ('Cancelled', 'Canceled')
        {%- endif %}

    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

)

select * from final
