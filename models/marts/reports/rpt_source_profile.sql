with

source_columns as (

    select * from {{ ref('stg_pos__source_columns') }}

),

final as (

    select
        source_column,
        count_rows,
        cast(coalesce(count_empty, 0) as signed) as count_empty,
        cast(coalesce(count_untrimmed, 0) as signed) as count_untrimmed,
        cast(coalesce(count_not_ascii, 0) as signed) as count_not_ascii,
        cast(coalesce(longest, 0) as signed) as longest
    from source_columns

)

select * from final
