"""The step ``compare_data``: whether there is anything new to learn from."""
