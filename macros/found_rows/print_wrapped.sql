{% macro print_wrapped(head, parts) %}
    {%- set state = {'line': '  ' ~ head} -%}
    {%- for part in parts -%}
        {%- set part = part ~ (',' if not loop.last else '') -%}
        {%- if (state.line ~ ' ' ~ part) | length > 70 and state.line | trim -%}
            {%- do log(state.line, info=true) -%}
            {%- do state.update({'line': '   '}) -%}
        {%- endif -%}
        {%- do state.update({'line': state.line ~ ' ' ~ part}) -%}
    {%- endfor -%}
    {%- do log(state.line, info=true) -%}
{% endmacro %}
