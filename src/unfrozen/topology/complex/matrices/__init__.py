"""Matrices of a complex: their names, how they are made, signs, and sums over their entries."""
