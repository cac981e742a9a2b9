"""The step ``notify``: how a run ended, told to people."""
