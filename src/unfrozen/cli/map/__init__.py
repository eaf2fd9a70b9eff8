"""``unfrozen map``: train maps of worlds, and explore with them."""
