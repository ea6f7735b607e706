"""Marts to the bytes of documents."""
