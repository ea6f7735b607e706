{% macro clean_zip(zip, state) -%}
    case
        when
            {{ zip }} regexp '^[0-9]{3,4}$'
            and {{ state }} in ('AE', 'CT', 'MA', 'ME', 'NH', 'NJ', 'NY', 'PR', 'RI', 'VI', 'VT')
            then lpad({{ zip }}, 5, '0')
        else {{ zip }}
    end
{%- endmacro %}
