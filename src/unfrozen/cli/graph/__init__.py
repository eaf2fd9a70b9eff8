"""Commands about what a model knows, as a graph."""
