"""The step ``fetch_data``: a revision of the data set, out of DVC's remote."""
