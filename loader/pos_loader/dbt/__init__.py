"""What dbt built, and whether it may be published."""
