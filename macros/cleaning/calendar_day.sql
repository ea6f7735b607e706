{% macro calendar_day(is_us=false) -%}
    {%- set month_days = [
        ('(0?[13578]|1[02])', '(0?[1-9]|[12][0-9]|3[01])'),
        ('(0?[469]|11)', '(0?[1-9]|[12][0-9]|30)'),
        ('0?2', '(0?[1-9]|1[0-9]|2[0-8])'),
    ] -%}
    {%- set year = '(?!0000)[0-9]{4}' -%}
    {%- set leap_year = '([0-9]{2}(0[48]|[2468][048]|[13579][26])|(?!0000)([02468][048]|[13579][26])00)' -%}
    {%- set separator = '/' if is_us else '-' -%}
    {%- set days = [] -%}
    {%- for month, day in month_days -%}
        {%- do days.append(month ~ separator ~ day) -%}
    {%- endfor -%}
    {%- set some = '(' ~ days | join('|') ~ ')' -%}
    {%- set leap = '0?2' ~ separator ~ '29' -%}
    {%- if is_us -%}
        ({{ some }}/{{ year }}|{{ leap }}/{{ leap_year }})
    {%- else -%}
        ({{ year }}-{{ some }}|{{ leap_year }}-{{ leap }})
    {%- endif -%}
{%- endmacro %}
