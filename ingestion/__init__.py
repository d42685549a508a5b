"""From GitHub into the raw tables."""
