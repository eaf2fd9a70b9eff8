"""``unfrozen topology``: complexes of cells from files, lifted, measured and drawn."""
