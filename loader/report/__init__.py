"""The report page: from the report marts to one HTML file that needs nothing else.

`read` fills `figures`, `headline` compares, `sales`, `places`, `products`, `stock`, `customers` and `trust`
say what goes on the page, `over_time` and `compared` what a chart looks like, `draw` draws it, `page` puts
all together, `write` does the whole for the command.
"""
