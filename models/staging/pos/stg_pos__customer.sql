{%- set kinds = source_kinds('customer') -%}

with

source as (

    select * from {{ pos_table('customer') }}

),

final as (

    select
        {{ clean_integer('id', kinds) }} as customer_id,
        {{ clean_text('firstName') }} as first_name,
        {{ clean_text('lastName') }} as last_name,
        lower({{ clean_text('email') }}) as email,
        {{ clean_text('address1') }} as address1,
        {{ clean_text('address2') }} as address2,
        {{ clean_text('phone') }} as phone,
        {{ clean_date('birthdate', kinds) }} as birthdate,
        {{ clean_code('zip', kinds) }} as written_zip
    from source

)

select * from final
