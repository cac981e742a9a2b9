"""Records and pictures are checked; what is wrong is held back, with the reason."""
