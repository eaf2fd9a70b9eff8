"""What every test gets: one torch thread, no network, a cache that outlives the run."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import hypothesis
import torch

# Two threads on shared cores waste several times the work, and xdist uses the cores already.
torch.set_num_threads(1)

hypothesis.settings.register_profile(
    "unfrozen", deadline=None, derandomize=True, max_examples=25, print_blob=True
)
hypothesis.settings.load_profile("unfrozen")
