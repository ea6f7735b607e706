"""The report page: from the report marts to one HTML file that needs nothing else.

`read` fills `figures`, `headline` compares, `sales`, `places`, `products`, `stock`, `customers`, `trust`,
`source` and `loads` say what goes on the page, `over_time` and `compared` what a chart looks like, `names`
and `words` how it is spelled, `draw` draws it, `page` puts all together, `write` does the whole for the
command.
"""
