"""What happens within a window: senses, codes, and what memory retrieves."""
