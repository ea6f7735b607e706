{% macro pos_text(column) -%}
    case when char_length({{ clean_text(column) }}) <= {{ pos_characters(column) }} then {{ clean_text(column) }} end
{%- endmacro %}
