{% macro numbers_to(last) -%}
    {{ this.schema }}.seq_0_to_{{ last }}
{%- endmacro %}
