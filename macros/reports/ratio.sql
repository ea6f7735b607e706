{% macro ratio(numerator, denominator, decimals=6) -%}
    cast(
        round(cast({{ numerator }} as decimal(56, 28)) / nullif({{ denominator }}, 0), {{ decimals }})
        as decimal({{ 24 + decimals }}, {{ decimals }})
    )
{%- endmacro %}
