"""language/editing."""
