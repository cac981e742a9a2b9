"""A model behind HTTP: ``worker`` answers, ``app`` is the HTTP side, ``requests`` checks what comes in."""
