"""Learners by backpropagation, on a network whose head grows with the classes."""
