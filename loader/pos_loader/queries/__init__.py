"""Named questions to published collections."""
