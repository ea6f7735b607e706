"""What a section is made of: notes, tables, charts, and the words in them."""
