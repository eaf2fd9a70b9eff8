"""Commands of an agent and its lives."""
