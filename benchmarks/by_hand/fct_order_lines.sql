create table fct_order_lines__by_hand (
    customer_id bigint not null, order_id bigint not null, line_number int not null, product_id bigint not null,
    product_name varchar(512), quantity bigint not null, unit_price decimal(19, 4), line_total decimal(19, 4),
    placed_at datetime(6), is_known_order boolean not null, is_known_product boolean not null,
    count_source_rows bigint not null, primary key (customer_id, order_id, line_number)
) engine = innodb default character set utf8mb4 as
select
    numbered.customer_id, numbered.order_id, numbered.line_number, numbered.product_id, product.name as product_name,
    numbered.quantity, product.currentPrice as unit_price,
    cast(numbered.quantity * product.currentPrice as decimal(19, 4)) as line_total, numbered.placed_at,
    numbered.is_known_order, product.id is not null as is_known_product, numbered.count_source_rows
from (
    select
        summed.*, o.datePlaced as placed_at, coalesce(customer.id, -1) as customer_id, o.id is not null as is_known_order,
        row_number() over (
            partition by coalesce(customer.id, -1), summed.order_id order by summed.product_id
        ) as line_number
    from (
        select order_id, product_id, cast(sum(quantity) as signed) as quantity, count(*) as count_source_rows
        from {source}.orderline
        group by order_id, product_id
    ) as summed
    left join {source}.`order` as o on summed.order_id = o.id
    left join {source}.customer on o.customer_id = customer.id
) as numbered
left join {source}.product on numbered.product_id = product.id;
