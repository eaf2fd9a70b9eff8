"""The page *Knowledge*: ask, trace, edit, log, graph and diff."""
