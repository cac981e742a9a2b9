"""A model behind HTTP: ``worker`` answers, ``app`` speaks, ``requests`` checks what is said to it."""
