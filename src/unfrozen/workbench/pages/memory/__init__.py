"""The page *Memory*: patterns that are stored, damaged and recalled; heads as memories."""
