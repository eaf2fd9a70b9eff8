"""Learners without backpropagation: writes to associative memories, and losses alone."""
