{#- How much an amount grew since an earlier one: 0.1 is a tenth more; NULL where the earlier one is not positive. -#}
{% macro relative_change(amount, earlier_amount) -%}
    {{ ratio(amount ~ ' - ' ~ earlier_amount, 'greatest(' ~ earlier_amount ~ ', 0)') }}
{%- endmacro %}
