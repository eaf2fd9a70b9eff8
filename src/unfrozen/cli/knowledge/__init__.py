"""Commands that change what a model knows, and that tell it."""
