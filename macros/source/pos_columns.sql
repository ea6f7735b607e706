{% macro pos_columns() %}
    {{ return({
        'product': ['id', 'name', 'currentPrice', 'availableQuantity'],
        'city': ['zip', 'city', 'state'],
        'customer': [
            'id', 'firstName', 'lastName', 'email', 'address1', 'address2', 'phone', 'birthdate', 'zip'
        ],
        'order': ['id', 'datePlaced', 'dateShipped', 'customer_id'],
        'orderline': ['order_id', 'product_id', 'quantity'],
    }) }}
{% endmacro %}
