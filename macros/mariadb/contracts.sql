{#-
    The contract check. dbt-mysql compares driver type codes of `cast(null as <type>)`, which fails for bigint, boolean,
    datetime(6) or json and cannot see a scale. Here MariaDB itself describes both sides, and what it would convert
    without a word is refused: other kinds of type, more decimals, finer fractions of a second. Values too long or too
    large need no check: in strict mode they are errors.
-#}
{% macro mariadb__get_assert_columns_equivalent(sql) -%}
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

{#-
    Names (also without case, as `key`) and types of the columns of a temporary table made from a column list or a query.
    The zero date that MariaDB gives a TIMESTAMP as its default is no value here.
-#}
{% macro described_columns(suffix, definition) %}
    {%- set relation = this.incorporate(path={'identifier': this.identifier ~ suffix}) -%}
    {%- do run_query('drop temporary table if exists ' ~ relation) -%}
    {%- do run_query("set statement sql_mode = '' for create temporary table " ~ relation ~ ' ' ~ definition) -%}
    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do columns.append({
            'key': column.name | lower, 'name': column.name, 'data_type': column.dtype,
            'formatted': column.name ~ ' ' ~ column.dtype
        }) -%}
    {%- endfor -%}
    {%- do run_query('drop temporary table ' ~ relation) -%}
    {{ return(columns) }}
{% endmacro %}

{#- Whether MariaDB stores a value of type `found` in a column of type `wanted` unchanged or with an error. -#}
{% macro type_fits(found, wanted) %}
    {%- set found_kind, found_digits = type_parts(found) -%}
    {%- set wanted_kind, wanted_digits = type_parts(wanted) -%}
    {{ return(found_kind == wanted_kind and found_digits <= wanted_digits) }}
{% endmacro %}

{#- A type's family and the digits it keeps behind the decimal point: decimal(19,4) is ('exact', 4). -#}
{% macro type_parts(data_type) %}
    {%- set name = data_type.split('(')[0].split(' ')[0] -%}
    {%- set arguments = data_type.split('(')[1].split(')')[0].split(',') if '(' in data_type else [] -%}
    {%- if name in ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'] -%}
        {{ return(('integer', 0)) }}
    {%- elif name == 'decimal' -%}
        {{ return(('decimal', arguments[1] | int)) }}
    {%- elif name in ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'] -%}
        {{ return(('text', 0)) }}
    {%- elif name in ['datetime', 'timestamp', 'time'] -%}
        {{ return((name, (arguments + [0])[0] | int)) }}
    {%- endif -%}
    {{ return((data_type, 0)) }}
{% endmacro %}
