{% macro key_columns(names) %}
    {%- set known = model['columns'] | map('lower') | list -%}
    {%- for name in names if name | lower not in known -%}
        {{ exceptions.raise_compiler_error(
            "a key of " ~ model['name'] ~ " names the column '" ~ name ~ "'; its columns are "
            ~ model['columns'] | join(', ')
        ) }}
    {%- endfor -%}
    {{ return(names | join(', ')) }}
{% endmacro %}
