{%- macro statement(name=None, fetch_result=False, auto_begin=True, language='sql') -%}
    {%- if execute -%}
        {%- set compiled_code = caller() -%}
        {%- if language != 'sql' -%}
            {{ exceptions.raise_compiler_error("a model in " ~ language ~ " does not run on MariaDB; write it in SQL") }}
        {%- endif -%}
        {%- if name == 'main' -%}
            {{ log('Writing runtime SQL for node "{}"'.format(model['unique_id'])) }}
            {{ write(compiled_code) }}
        {%- endif -%}
        {%- do pin_session() -%}
        {%- set response, table = adapter.execute(compiled_code, auto_begin=auto_begin, fetch=fetch_result) -%}
        {%- if name is not none -%}
            {{ store_result(name, response=response, agate_table=table) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
