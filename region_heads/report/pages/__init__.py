"""Pages of single steps."""
