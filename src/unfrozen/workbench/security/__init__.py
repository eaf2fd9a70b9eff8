"""What keeps everybody else out."""
