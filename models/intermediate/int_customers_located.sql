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

final as (

    select
        located.*,
        {%- if is_built_before() %}
        not (
            built.customer_id is not null
            {%- for column in ['first_name', 'last_name', 'city', 'state'] %}
            and cast(built.{{ column }} as binary) <=> cast(located.{{ column }} as binary)
            {%- endfor %}
        ) as is_changed
    from located
    left join {{ this }} as built on located.customer_id = built.customer_id
        {%- else %}
        true as is_changed
    from located
        {%- endif %}

)

select * from final
