"""Lives: a childhood, errands while things change, and what each faculty is worth."""
