"""What MongoDB holds against what it should hold."""
