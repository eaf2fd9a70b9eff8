"""The page *Complexes*: graphs and meshes that are lifted, drawn, and seen as matrices."""
