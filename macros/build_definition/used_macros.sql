{% macro used_macros(unique_ids) %}
    {%- set todo = unique_ids | unique | list -%}
    {%- set found = {} -%}
    {%- for unique_id in todo if unique_id -%}
        {%- set package, name = unique_id.split('.')[1:3] -%}
        {%- set macro = ((context.get(package) or {}).get(name) or context.get(name) or {}).macro -%}
        {%- do found.update({unique_id: macro.macro_sql if macro else ''}) -%}
        {%- for used in (macro.depends_on.macros if macro else []) if used not in todo -%}
            {%- do todo.append(used) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
