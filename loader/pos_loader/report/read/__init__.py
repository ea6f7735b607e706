"""The report marts, read and typed."""
