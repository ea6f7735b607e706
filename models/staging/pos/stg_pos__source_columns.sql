{%- set columns = {
    'product': ['id', 'name', 'currentPrice', 'availableQuantity'],
    'city': ['zip', 'city', 'state'],
    'customer': [
        'id', 'firstName', 'lastName', 'email', 'address1', 'address2', 'phone', 'birthdate', 'zip'
    ],
    'order': ['id', 'datePlaced', 'dateShipped', 'customer_id'],
    'orderline': ['order_id', 'product_id', 'quantity'],
} -%}

with

{% for table, names in columns.items() -%}
{%- set kinds = source_kinds(table) -%}
{{ table }}_values as (

    select
    {% for name in names %}
        {{ source_text(name, kinds) }} as {{ name | lower }}{{ "," if not loop.last }}
    {% endfor %}
    from {{ pos_table(table) }}

),

{% endfor -%}

final as (
    {% for table, names in columns.items() -%}
    {%- set outer_last = loop.last -%}
    {%- for name in names %}
    select
        '{{ table }}.{{ name }}' as source_column,
        count(*) as count_rows,
        sum(coalesce({{ name | lower }}, '') = '') as count_empty,
        sum(octet_length({{ name | lower }}) <> octet_length(trim({{ name | lower }}))) as count_untrimmed,
        sum(octet_length({{ name | lower }}) <> char_length({{ name | lower }})) as count_not_ascii,
        max(char_length({{ name | lower }})) as longest
    from {{ table }}_values
    {% if not (outer_last and loop.last) %}
    union all
    {% endif -%}
    {%- endfor -%}
    {%- endfor %}
)

select * from final
