{% macro mariadb_marts__get_assert_columns_equivalent(sql) -%}
    {%- if not model['columns'] -%}
        {{ exceptions.raise_compiler_error("the contract of " ~ model['name'] ~ " is enforced, but no column is declared") }}
    {%- endif -%}
    {%- set undeclared = model['columns'].values() | rejectattr('data_type') | map(attribute='name') | list -%}
    {%- if undeclared -%}
        {{ exceptions.column_type_missing(column_names=undeclared) }}
    {%- endif -%}
    {%- set declared = described_columns(
        '__contract',
        '(' ~ adapter.render_raw_columns_constraints(raw_columns=model['columns']) | join(', ') ~ ') ' ~ utf8mb4()
    ) -%}
    {%- set selected = described_columns(
        '__selected', utf8mb4() ~ ' as select * from (' ~ sql ~ ') as selected where false'
    ) -%}
    {%- set found = [] -%}
    {%- for column in selected -%}
        {%- set wanted = (declared | selectattr('key', 'equalto', column.key) | list + [none])[0] -%}
        {%- if wanted and type_fits(column.data_type, wanted.data_type) -%}
            {%- do found.append(wanted) -%}
        {%- else -%}
            {%- do found.append(column) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if found | sort(attribute='key') != declared | sort(attribute='key') -%}
        {%- do exceptions.raise_contract_error(declared, found) -%}
    {%- endif -%}
{%- endmacro %}
