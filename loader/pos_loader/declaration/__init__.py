"""Exposures and contracts to frozen collections."""
