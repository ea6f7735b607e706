{% macro way_out(name, value) -%}
    {%- set given = dict(adapter.config.cli_vars) if execute else {} -%}
    {%- do given.update({name: value}) -%}
    {%- set found = [] -%}
    {%- for variable, text in given.items() -%}
        {%- set is_plain = text is string and modules.re.match('[A-Za-z_][A-Za-z0-9_]*$', text) -%}
        {%- do found.append(variable ~ ': ' ~ (text if is_plain else tojson(text) | replace("'", '\\u0027'))) -%}
    {%- endfor -%}
    '{{ ("dbt build --vars '{" ~ found | join(', ') ~ "}'") | replace('\\', '\\\\') | replace("'", "''") }}'
{%- endmacro %}
