{% macro ignoring_case(text) -%}
    {{ text }} collate utf8mb4_uca1400_nopad_as_ci
{%- endmacro %}
