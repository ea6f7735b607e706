create table fct_orders__by_hand (
    customer_id bigint not null, order_id bigint not null, placed_at datetime(6), shipped_at datetime(6),
    is_shipped boolean not null, count_lines bigint not null, total_units bigint not null,
    order_total decimal(19, 4) not null, primary key (customer_id, order_id)
) engine = innodb default character set utf8mb4 as
select
    coalesce(customer.id, -1) as customer_id, o.id as order_id, o.datePlaced as placed_at, o.dateShipped as shipped_at,
    o.dateShipped is not null as is_shipped, coalesce(totals.count_lines, 0) as count_lines,
    coalesce(totals.total_units, 0) as total_units,
    cast(coalesce(totals.order_total, 0) as decimal(19, 4)) as order_total
from {source}.`order` as o
left join {source}.customer on o.customer_id = customer.id
left join (
    select order_id, count(*) as count_lines, cast(sum(quantity) as signed) as total_units, sum(line_total) as order_total
    from fct_order_lines
    group by customer_id, order_id
) as totals on o.id = totals.order_id;
alter table fct_orders__by_hand add unique index (order_id);
