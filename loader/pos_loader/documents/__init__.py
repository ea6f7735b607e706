"""Turns marts into the bytes of documents."""
