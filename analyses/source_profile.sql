with

source_profile as (

    select * from {{ ref('rpt_source_profile') }}

),

final as (

    select
        source_column,
        count_rows,
        count_empty,
        count_untrimmed,
        count_not_ascii,
        longest
    from source_profile

)

select * from final
order by source_column asc
