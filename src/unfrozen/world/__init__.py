"""Worlds to act in, models of them, costs of what may happen, and planners over all three."""
