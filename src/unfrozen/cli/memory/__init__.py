"""``unfrozen memory``: vectors and texts in a folder."""
