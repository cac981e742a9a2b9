"""The step ``notify``: reports to people how a run ended."""
