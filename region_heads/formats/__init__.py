"""The input formats: files to raw records, raw records to one checked form."""
