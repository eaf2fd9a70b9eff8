"""The page *Papers*: every claim, ours beside theirs, and run again."""
