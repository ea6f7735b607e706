{#-
    The cleaned text of a POS column, up to the characters its marts have room for. A longer one is NULL here and named by
    the test source_values_are_readable.
-#}
{% macro pos_text(column) -%}
    case when char_length({{ clean_text(column) }}) <= {{ pos_characters(column) }} then {{ clean_text(column) }} end
{%- endmacro %}
