"""Files between the steps: written whole or not at all, read by type."""
