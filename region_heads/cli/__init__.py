"""The command line ``region-heads``: a module for each command; what they do lies in the rooms that they call."""
