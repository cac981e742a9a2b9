"""A trained model as a version, with where it came from."""
