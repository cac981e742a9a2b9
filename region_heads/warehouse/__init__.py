"""The rendered sample: a small warehouse, its pictures, and questions about them."""
