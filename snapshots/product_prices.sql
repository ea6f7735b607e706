{% snapshot product_prices %}

{{
    config(
        alias='product_prices__' ~ (var('pos_schema') or 'sample'),
        unique_key='product_id',
        strategy='check',
        check_cols=['current_price'],
        hard_deletes='invalidate',
        post_hook=[
            'create index if not exists product_id on {{ this }} (product_id)',
            'alter table {{ this }} add primary key if not exists (dbt_scd_id), drop index if exists dbt_scd_id',
            'analyze table {{ this }}',
        ],
    )
}}

select
    product_id,
    product_name,
    current_price
from {{ ref('stg_pos__product') }}

{% endsnapshot %}
