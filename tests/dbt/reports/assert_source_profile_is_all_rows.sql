{#- Every row of the source counts in the profile of each of its columns. -#}
with

profile as (

    select * from {{ ref('rpt_source_profile') }}

),

staged as (
    {% for table in ['product', 'city', 'customer', 'order', 'orderline'] %}
    select
        '{{ table }}' as source_table,
        count(*) as count_rows
    from {{ ref('stg_pos__' ~ table) }}
    {% if not loop.last %}
    union all
    {% endif -%}
    {% endfor %}
),

final as (

    select
        profile.source_column,
        profile.count_rows,
        staged.count_rows as count_staged_rows
    from profile
    left join staged on substring_index(profile.source_column, '.', 1) = staged.source_table
    where profile.count_rows <> staged.count_rows or staged.count_rows is null

)

select * from final
