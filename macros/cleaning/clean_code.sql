{% macro clean_code(column, kinds) -%}
    case when char_length({{ clean_text(column) }}) <= 64 then left(upper({{ clean_text(column) }}), 64) end
{%- endmacro %}
