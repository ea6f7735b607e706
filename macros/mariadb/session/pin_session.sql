{% macro pin_session() %}
    {%- if load_result('pinned_session') is none -%}
        {%- for setting in session_settings() -%}
            {%- do adapter.execute(setting, auto_begin=False, fetch=False) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do store_result('pinned_session', response='pinned') -%}
{% endmacro %}
