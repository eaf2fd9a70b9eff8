"""The page *Agent*: a life in a town, lived in the background and watched step by step."""
