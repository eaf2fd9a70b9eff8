"""Rooms: a dot, walls that it slides along, and an object to push."""
