{#- The share of an amount in a whole: 0.1 is a tenth; NULL where the whole is not positive. -#}
{% macro share(amount, whole) -%}
    {{ ratio(amount, 'greatest(' ~ whole ~ ', 0)') }}
{%- endmacro %}
