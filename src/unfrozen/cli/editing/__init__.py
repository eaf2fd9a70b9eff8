"""Commands that change what a model knows."""
