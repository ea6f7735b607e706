{#-
    A postal code with the leading zeros that a spreadsheet took: 2861 in RI is 02861. Only the states whose ZIP codes
    begin with 0 are mended, so 3004 in Victoria (Melbourne) stays as it is.
-#}
{% macro clean_zip(zip, state) -%}
    case
        when
            {{ zip }} regexp '^[0-9]{3,4}$'
            and {{ state }} in ('AE', 'CT', 'MA', 'ME', 'NH', 'NJ', 'NY', 'PR', 'RI', 'VI', 'VT')
            then lpad({{ zip }}, 5, '0')
        else {{ zip }}
    end
{%- endmacro %}
