{% macro record_build_state() -%}
    insert into {{ build_state_table() }} (model, built_by, built_at, definition, base)
    values ('{{ this.identifier }}', '{{ invocation_id }}', utc_timestamp(6), '{{ build_definition() }}', {{ build_base() }})
    on duplicate key update
        built_by = values(built_by), built_at = values(built_at), definition = values(definition), base = values(base)
{%- endmacro %}
