"""The page *Map*: a world walked by arrow keys, and what a cognitive map makes of it."""
