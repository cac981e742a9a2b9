"""The commands of ``region-heads``, a module each; what they do lives in the rooms that they call."""
