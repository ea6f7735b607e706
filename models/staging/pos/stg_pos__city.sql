{%- set kinds = source_kinds('city') -%}

with

source as (

    select {{ pos_columns().city | join(', ') }} from {{ pos_table('city') }}

),

cleaned as (

    select
        {{ clean_code('zip', kinds) }} as written_zip,
        {{ pos_text('city') }} as city,
        {{ pos_text('state') }} as state
    from source

),

final as (

    select
        {{ clean_zip('written_zip', 'state') }} as zip,
        city,
        case when char_length(state) = 2 then upper(state) else state end as state
    from cleaned

)

select * from final
