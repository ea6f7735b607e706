{% macro prepare_build() %}
    {%- do run_query('use ' ~ adapter.quote(this.schema)) -%}
    {%- do run_query(
        'set session tmp_memory_table_size = 256 * 1024 * 1024, max_heap_table_size = 256 * 1024 * 1024, '
        ~ "sort_buffer_size = 32 * 1024 * 1024, optimizer_switch = 'split_materialized=off'"
    ) -%}
{% endmacro %}
