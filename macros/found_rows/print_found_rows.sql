{% macro print_found_rows(results) %}
    {%- if execute and flags.WHICH in ['build', 'test', 'retry'] -%}
        {%- set limit = number_var('failing_rows_shown', 0, 1000, 5) | int -%}
        {%- set found = [] -%}
        {%- for result in results if result.node.resource_type == 'test' and result.status in ['fail', 'warn'] -%}
            {%- do found.append(result) -%}
        {%- endfor -%}
        {%- if found and limit -%}
            {%- do log('', info=true) -%}
            {%- do log('Rows that tests found, up to ' ~ limit ~ ' of each (docs/tests.md):', info=true) -%}
            {%- for result in found -%}
                {%- do print_rows_of_test(result, limit) -%}
            {%- endfor -%}
            {%- do log('', info=true) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
