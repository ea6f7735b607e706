with

customers as (

    select * from {{ ref('stg_pos__customer') }}

),

zips as (

    select * from {{ ref('int_zips_matched_to_cities') }}

),

located as (

    select
        customers.customer_id,
        customers.first_name,
        customers.last_name,
        customers.email,
        customers.address1,
        customers.address2,
        customers.phone,
        customers.birthdate,
        zips.city,
        zips.state,
        coalesce(zips.zip, customers.written_zip) as zip
    from customers
    left join zips on customers.written_zip = zips.written_zip

),

-- This table as the last build left it.
built as (

    {%- if is_built_before() %}

    select * from {{ this }}

    {%- else %}

    select * from located
    where false

    {%- endif %}

),

final as (

    select
        located.*,
        built.customer_id is null
        {%- for column in ['first_name', 'last_name', 'city', 'state'] %}
        or not {{ is_same_text('built.' ~ column, 'located.' ~ column) }}
        {%- endfor %} as is_changed
    from located
    left join built on located.customer_id = built.customer_id

)

select * from final
