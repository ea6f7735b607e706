{%- set kinds = source_kinds('customer') -%}

with

source as (

    select {{ pos_columns().customer | join(', ') }} from {{ pos_table('customer') }}

),

cleaned as (

    select
        {{ clean_integer('id', kinds) }} as customer_id,
        {{ pos_text('firstName') }} as first_name,
        {{ pos_text('lastName') }} as last_name,
        lower({{ pos_text('email') }}) as email,
        {{ pos_text('address1') }} as address1,
        {{ pos_text('address2') }} as address2,
        {{ pos_text('phone') }} as phone,
        {{ read_timestamp('birthdate', kinds) }} as born_at,
        {{ clean_code('zip', kinds) }} as written_zip
    from source

),

final as (

    select
        customer_id,
        first_name,
        last_name,
        email,
        address1,
        address2,
        phone,
        cast({{ plausible_moment('born_at', 'birthdates_from') }} as date) as birthdate,
        written_zip
    from cleaned

)

select * from final
