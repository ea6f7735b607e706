"""Compares what MongoDB holds with what it should hold."""
