{% macro mariadb_marts__split_part(string_text, delimiter_text, part_number) -%}
    {%- if part_number < 0 -%}
        substring_index(substring_index({{ string_text }}, {{ delimiter_text }}, {{ part_number }}), {{ delimiter_text }}, 1)
    {%- else -%}
        case
            when
                char_length({{ string_text }}) - char_length(replace({{ string_text }}, {{ delimiter_text }}, ''))
                >= {{ part_number - 1 }} * char_length({{ delimiter_text }})
                then substring_index(
                    substring_index({{ string_text }}, {{ delimiter_text }}, {{ part_number }}), {{ delimiter_text }}, -1
                )
            when {{ string_text }} is not null then ''
        end
    {%- endif -%}
{%- endmacro %}
