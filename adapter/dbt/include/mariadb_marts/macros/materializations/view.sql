{% materialization view, adapter='mariadb_marts' %}
    {%- set to_return = create_or_replace_view() -%}
    {%- do return(to_return) -%}
{% endmaterialization %}
