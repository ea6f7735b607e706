"""The report page: from the report marts to one HTML file that needs nothing else.

`read` reads the marts into figures. Each module of `sections` says what one part of the page shows, in the
blocks and words of `parts`. `charts` draws. `page` puts the sections into the template, and `write` does the
whole for the command.
"""
