"""Structure kept apart from sensation: worlds, the models that map them, and their cells."""
