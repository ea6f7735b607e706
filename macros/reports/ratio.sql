{#-
    An exact quotient, rounded half away from zero to `decimals`; NULL where the denominator is NULL or 0. It is divided
    to 32 decimals first, so that no other rounding comes before the one that is declared.
-#}
{% macro ratio(numerator, denominator, decimals=6) -%}
    cast(
        round(cast({{ numerator }} as decimal(56, 28)) / nullif({{ denominator }}, 0), {{ decimals }})
        as decimal({{ 24 + decimals }}, {{ decimals }})
    )
{%- endmacro %}
