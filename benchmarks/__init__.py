"""Measures the loader against the limits of its two databases and against its peers."""
