"""The terminal, the line that a person watches, and the boundary at which errors become words."""
