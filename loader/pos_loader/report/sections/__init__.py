"""The page's sections, one module each."""
