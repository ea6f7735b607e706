{% macro replace_changed_rows(target_relation, new) %}
    {%- set changed = target_relation.incorporate(path={'identifier': config.meta_get('changed_in')}) -%}
    {%- set key = config.get('primary_key') -%}
    {%- set key_names = key | map('lower') | list -%}
    {%- set by, same, known = [], [], [] -%}
    {%- for column, changed_column in config.meta_get('changed_by').items() -%}
        {%- do by.append('built.' ~ column ~ ' = changed.' ~ changed_column) -%}
    {%- endfor -%}
    {%- for column in key -%}
        {%- do known.append('built.' ~ column ~ ' = made.' ~ column) -%}
    {%- endfor -%}
    {%- for column in adapter.get_columns_in_relation(target_relation) if column.name | lower not in key_names -%}
        {%- set pair = ['built.' ~ column.name, 'made.' ~ column.name] -%}
        {%- do same.append(is_same_text(*pair) if type_parts(column.dtype)[0] == 'text' else pair | join(' <=> ')) -%}
    {%- endfor -%}
    {%- do run_query('start transaction') -%}
    {%- do run_query(
        'delete built from ' ~ changed ~ ' as changed force index (primary) inner join ' ~ target_relation ~ ' as built on '
        ~ by | join(' and ') ~ ' left join ' ~ new ~ ' as made on ' ~ (known + same) | join(' and ')
        ~ ' where made.' ~ key[0] ~ ' is null'
    ) -%}
    {%- do run_query(
        'insert into ' ~ target_relation ~ ' select made.* from ' ~ new ~ ' as made left join ' ~ target_relation
        ~ ' as built on ' ~ known | join(' and ') ~ ' where built.' ~ key[0] ~ ' is null'
    ) -%}
    {%- do run_query(record_build_state()) -%}
    {%- do run_query('commit') -%}
{% endmacro %}
