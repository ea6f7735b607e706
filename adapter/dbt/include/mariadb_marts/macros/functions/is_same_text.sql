{% macro is_same_text(first, second) -%}
    cast({{ first }} as binary) <=> cast({{ second }} as binary)
{%- endmacro %}
