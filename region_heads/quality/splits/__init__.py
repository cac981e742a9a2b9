"""Which pictures train, validate and test."""
