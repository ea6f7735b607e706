{% test accepted_range(model, column_name, min_value=none, max_value=none) %}

{%- set outside = [] -%}
{%- if min_value is not none -%}
    {%- do outside.append(column_name ~ ' < ' ~ min_value) -%}
{%- endif -%}
{%- if max_value is not none -%}
    {%- do outside.append(column_name ~ ' > ' ~ max_value) -%}
{%- endif -%}
{%- if not outside -%}
    {{ exceptions.raise_compiler_error("accepted_range of " ~ column_name ~ " needs min_value, max_value or both") }}
{%- endif %}

select {{ column_name }}
from {{ model }}
where {{ outside | join(' or ') }}

{% endtest %}
