"""The step ``preflight``: what a run needs is looked for before anything is spent on it."""
