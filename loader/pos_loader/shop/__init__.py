"""Builds of a shop that stays open: a consistent copy of its tables, or a replica that is paused."""
