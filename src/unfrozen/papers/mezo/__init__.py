"""MeZO (Malladi et al. 2023): fine-tuning language models with just forward passes."""
