create temporary table top_products (primary key (product_id)) as
select product_id, count(*) as count_orders
from fct_order_lines
where quantity > 0 and is_known_order and is_known_product
group by product_id
order by count_orders desc, product_id
limit 200;
create temporary table top_lines (primary key (order_id, product_id)) as
select lines_.order_id, lines_.product_id, top_products.count_orders
from fct_order_lines as lines_
inner join top_products on lines_.product_id = top_products.product_id
where lines_.quantity > 0 and lines_.is_known_order and lines_.is_known_product;
create temporary table top_lines_again like top_lines;
insert into top_lines_again select * from top_lines;
create temporary table baskets as
select count(*) as count_baskets from (
    select customer_id, order_id from fct_order_lines
    where quantity > 0 and is_known_order and is_known_product
    group by customer_id, order_id
) as orders;
create table rpt_product_pairs__by_hand (primary key (product_id, paired_product_id)) as
select
    pairs.*, one.product_name, other.product_name as paired_product_name,
    pairs.count_orders / baskets.count_baskets as support,
    pairs.count_orders / pairs.count_product_orders as confidence,
    pairs.count_orders / pairs.count_paired_product_orders as reverse_confidence,
    pairs.count_orders * baskets.count_baskets
    / (pairs.count_product_orders * pairs.count_paired_product_orders) as lift
from (
    select
        top_lines.product_id, top_lines_again.product_id as paired_product_id, count(*) as count_orders,
        max(top_lines.count_orders) as count_product_orders,
        max(top_lines_again.count_orders) as count_paired_product_orders
    from top_lines
    inner join top_lines_again
        on top_lines.order_id = top_lines_again.order_id and top_lines.product_id < top_lines_again.product_id
    group by top_lines.product_id, top_lines_again.product_id
    having count(*) >= 2
) as pairs
cross join baskets
inner join dim_products as one on pairs.product_id = one.product_id
inner join dim_products as other on pairs.paired_product_id = other.product_id;
drop temporary table top_products, top_lines, top_lines_again, baskets;
