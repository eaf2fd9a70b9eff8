"""How an experiment is run: resumed where it was interrupted, measured, and recorded."""
