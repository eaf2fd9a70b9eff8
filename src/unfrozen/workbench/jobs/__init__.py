"""Work in the background: one table, with progress, that pages come back to after a reload."""
