{% macro share(amount, whole) -%}
    {{ ratio(amount, 'greatest(' ~ whole ~ ', 0)') }}
{%- endmacro %}
