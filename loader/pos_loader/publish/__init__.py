"""What changes a collection in MongoDB."""
