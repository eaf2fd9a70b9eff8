"""``unfrozen doctor``: is everything there that commands need, and what to do where it is not."""
