"""A page to try a model by hand: ``scene`` is what is on the table, ``drawing`` shows it, ``page`` is the page."""
