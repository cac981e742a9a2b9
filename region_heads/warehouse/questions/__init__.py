"""Questions about a rendered scene: one module for each category of the public format."""
