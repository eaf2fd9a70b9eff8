"""Learning without backpropagation, and learning that does not forget."""
