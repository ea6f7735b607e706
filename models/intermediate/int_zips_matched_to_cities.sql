with

cities as (

    select * from {{ ref('stg_pos__city') }}

),

spellings as (

    select
        *,
        zip as written_zip,
        1 as spelling_rank
    from cities
    where zip is not null

    union all

    select
        *,
        trim(leading '0' from zip) as written_zip,
        2 as spelling_rank
    from cities
    where zip regexp '^00?[1-9][0-9]{2,3}$' and char_length(zip) = 5

),

ranked as (

    select
        *,
        row_number() over (
            partition by written_zip
            order by spelling_rank, state is null, cast(city as binary), cast(state as binary), zip
        ) as city_rank
    from spellings

),

final as (

    select
        written_zip,
        zip,
        city,
        state
    from ranked
    where city_rank = 1

)

select * from final
