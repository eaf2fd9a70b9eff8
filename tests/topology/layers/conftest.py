"""Modules of torch and of PyG draw their weights from the global generator: the same every time."""

import pytest
import torch


@pytest.fixture(autouse=True)
def own_random_numbers():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
