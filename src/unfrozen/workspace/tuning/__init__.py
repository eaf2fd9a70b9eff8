"""Fine-tuning in a workspace: a run of forward passes that is kept as its scalars."""
