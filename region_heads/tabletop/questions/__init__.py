"""Questions about a table scene: one module for each category of the public format."""
