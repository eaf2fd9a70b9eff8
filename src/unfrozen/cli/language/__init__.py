"""Commands about what a language model knows."""
