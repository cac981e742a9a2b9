"""The second rendered domain: a table with coloured solids and mats, its pictures, and questions about them."""
