"""Cells as sets of nodes: kept, compared, contained, and what makes them a complex."""
