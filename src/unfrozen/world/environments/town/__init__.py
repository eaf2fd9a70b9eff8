"""The town: streets, rooms and sights; facts told, doors that lock unseen, errands, changes."""
