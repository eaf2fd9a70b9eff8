"""Papers as experiments: what each claims, what is measured here, and whether it holds."""
