{% macro relative_change(amount, earlier_amount) -%}
    {{ ratio(amount ~ ' - ' ~ earlier_amount, 'greatest(' ~ earlier_amount ~ ', 0)') }}
{%- endmacro %}
