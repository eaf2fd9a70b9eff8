"""Models of the hippocampal formation, the worlds they walk, and the cells that form in them."""
