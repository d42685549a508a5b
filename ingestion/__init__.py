"""From GitHub into the raw tables."""

DATASET = "raw_github"
"""The schema of the raw tables."""
