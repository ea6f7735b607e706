"""The plugin's version. dbt reads `version` from a module of this name."""

version = "0.1.0"
