{%- set columns = pos_columns() -%}
{%- set measures = ['count_rows', 'count_empty', 'count_untrimmed', 'count_not_ascii', 'longest'] -%}

with

{% for table, names in columns.items() -%}
{%- set kinds = source_kinds(table) -%}
{{ table }}_measured as (

    select
    {% for name in names %}
        {{ source_measures(name, kinds.get(name, 'text')) }}{{ "," if not loop.last }}
    {% endfor %}
    from {{ pos_table(table) }}

),

{{ table }}_columns as (
    {%- for name in names %}

    select '{{ name }}' as name_in_source
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

{% endfor -%}

-- Each table is read once, into one row; each of its columns selects its part of that row.
final as (
    {%- for table, names in columns.items() %}

    select
        {%- for measure in measures %}
        case columns_of_table.name_in_source
            {%- for name in names %}
            when '{{ name }}' then measured.{{ name | lower }}_{{ measure }}
            {%- endfor %}
        end as {{ measure }},
        {%- endfor %}
        concat('{{ table }}.', columns_of_table.name_in_source) as source_column
    from {{ table }}_measured as measured
    cross join {{ table }}_columns as columns_of_table
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

)

select * from final
