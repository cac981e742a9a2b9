"""What data must be before it is learned from: checked, split, and compared with what it was."""
