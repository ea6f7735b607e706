"""Changes collections in MongoDB, and knows what is published."""
