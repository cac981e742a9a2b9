"""Pages that steps write beside their figures: one HTML file each, without a network and without a script."""
