{% macro source_measures(column, kind) -%}
    {%- set name = column | lower -%}
    {%- set text = source_text(column, kind) -%}
    count(*) as {{ name }}_count_rows,
    {% if kind == 'text' -%}
        sum(coalesce({{ text }}, '') = '') as {{ name }}_count_empty,
        sum(octet_length({{ text }}) <> octet_length(trim({{ text }}))) as {{ name }}_count_untrimmed,
        sum(octet_length({{ text }}) <> char_length({{ text }})) as {{ name }}_count_not_ascii,
        max(char_length({{ text }})) as {{ name }}_longest
    {%- else -%}
        sum({{ column }} is null) as {{ name }}_count_empty,
        0 as {{ name }}_count_untrimmed,
        0 as {{ name }}_count_not_ascii,
        greatest(
            char_length({{ source_text('min(' ~ column ~ ')', kind) }}),
            char_length({{ source_text('max(' ~ column ~ ')', kind) }})
        ) as {{ name }}_longest
    {%- endif -%}
{%- endmacro %}
