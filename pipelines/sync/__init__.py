"""What is derived from the code and written into files beside it: ``make sync``."""
