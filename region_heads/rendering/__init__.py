"""What the rendered domains share: camera, orders of scenes, wordings, records, and work on whole pictures."""
