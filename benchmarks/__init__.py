"""How near the loader is to the limits of its two databases, and to its peers."""
