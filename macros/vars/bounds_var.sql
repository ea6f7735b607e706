{% macro bounds_var(name, length) %}
    {%- set bounds = var(name) -%}
    {%- if not execute -%}
        {{ return(bounds) }}
    {%- else -%}
        {%- set wrong = [] -%}
        {%- if bounds is string or bounds is mapping or bounds is not iterable or bounds | length != length -%}
            {%- do wrong.append(bounds) -%}
        {%- else -%}
            {%- for bound in bounds -%}
                {%- if bound is not integer or bound is boolean or bound <= ([1] + bounds)[loop.index0] -%}
                    {%- do wrong.append(bound) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if wrong -%}
            {{ exceptions.raise_compiler_error(
                "the var " ~ name ~ " is '" ~ bounds ~ "'; give " ~ length
                ~ " whole numbers, each above the one before, the first above 1"
            ) }}
        {%- endif -%}
    {{ return(bounds) }}
    {%- endif -%}
{% endmacro %}
