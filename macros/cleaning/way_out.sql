{#-
    The command that builds with one more variable, as a SQL string. `--vars` counts for one command and replaces what was
    given before, so the variables of this command are in it.
-#}
{% macro way_out(name, value) -%}
    {%- set given = dict(adapter.config.cli_vars) if execute else {} -%}
    {%- do given.update({name: value}) -%}
    {%- set found = [] -%}
    {%- for each, text in given.items() -%}
        {%- set is_plain = text is string and modules.re.match('[A-Za-z_][A-Za-z0-9_]*$', text) -%}
        {%- do found.append(each ~ ': ' ~ (text if is_plain else tojson(text) | replace("'", '\\u0027'))) -%}
    {%- endfor -%}
    '{{ ("dbt build --vars '{" ~ found | join(', ') ~ "}'") | replace('\\', '\\\\') | replace("'", "''") }}'
{%- endmacro %}
