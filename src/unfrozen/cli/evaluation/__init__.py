"""The command that measures what a model knows."""
