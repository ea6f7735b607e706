{#-
    A short code in upper case, such as a postal code. Up to 64 characters, so that MariaDB can join by it; a longer one
    is NULL here and named by the test source_values_are_readable.
-#}
{% macro clean_code(column, kinds) -%}
    case when char_length({{ clean_text(column) }}) <= 64 then left(upper({{ clean_text(column) }}), 64) end
{%- endmacro %}
