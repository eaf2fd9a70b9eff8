"""The page *Learning*: networks that learn without backpropagation, watched while they do."""
