create table fct_product_purchases__by_hand (
    product_id bigint not null, customer_id bigint not null, first_name varchar(512), last_name varchar(512),
    city varchar(256), state varchar(128), count_orders bigint not null, quantity bigint not null,
    amount decimal(19, 4) not null, first_purchased_at datetime(6), last_purchased_at datetime(6),
    primary key (product_id, customer_id)
) engine = innodb default character set utf8mb4 as
select
    purchases.product_id, purchases.customer_id, customers.first_name, customers.last_name, customers.city,
    customers.state, purchases.count_orders, purchases.quantity, purchases.amount, purchases.first_purchased_at,
    purchases.last_purchased_at
from (
    select
        product_id, customer_id, count(*) as count_orders, cast(sum(quantity) as signed) as quantity,
        cast(coalesce(sum(line_total), 0) as decimal(19, 4)) as amount, min(placed_at) as first_purchased_at,
        max(placed_at) as last_purchased_at
    from fct_order_lines
    where is_known_product and customer_id <> -1
    group by product_id, customer_id
) as purchases
inner join dim_customers as customers on purchases.customer_id = customers.customer_id;
alter table fct_product_purchases__by_hand add index (customer_id);
