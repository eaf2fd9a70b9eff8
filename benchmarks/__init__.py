"""Time and memory, as ratios against a peer in the same run; one file a question."""
