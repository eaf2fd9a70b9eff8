"""What one step retrieves, against the paper's condition and bound; and against attention."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from unfrozen.memory.diagnostics import needed_separation, retrieval_bound, separations
from unfrozen.memory.hopfield import ModernHopfield
from unfrozen.memory.layers import Hopfield, associate
from unfrozen.papers.hopfield.capacity import sphere


@dataclass(frozen=True)
class OneStep:
    """What one step made of the patterns of one setting.

    Attributes:
        width: features.
        patterns: how many were stored.
        beta: inverse temperature.
        separated: the share of the patterns for which the paper's condition holds.
        error: the largest distance from such a pattern after one step, by the longest pattern.
        ratio: the largest share of its bound that an error of any pattern takes up, where the
            bound is above rounding.
    """

    width: int
    patterns: int
    beta: float
    separated: float
    error: float
    ratio: float


def one_step(width: int, n: int, beta: float, seed: int) -> OneStep:
    """Ask a network with each of its patterns, a little moved, and compare with the bound.

    Patterns lie on the sphere of radius sqrt(d - 1); queries are moved by 1 / (2 beta M).  Double
    precision, so that the bound is met by the method and not by its rounding.

    Args:
        width: d.
        n: patterns.
        beta: inverse temperature.
        seed: of patterns and directions.

    Source: Ramsauer et al. 2021, theorems 4 and 5.
    """
    generator = torch.Generator().manual_seed(seed)
    patterns = sphere(n, width, math.sqrt(width - 1), generator).double()
    memory = ModernHopfield(width, beta=beta, device="cpu", dtype=torch.float64)
    memory.write(patterns)
    largest = memory.largest_norm
    distance = 1 / (2 * beta * largest)
    queries = patterns + sphere(n, width, distance, generator).double()
    errors = (memory.update(queries) - patterns).norm(dim=1)
    separation = separations(patterns)
    holds = separation >= needed_separation(n, beta, largest)
    # The fixed point may lie further away than the query: the bound takes the larger.
    fixed = (memory.retrieve(patterns).states - patterns).norm(dim=1)
    away = torch.maximum(fixed, torch.full_like(fixed, distance))
    bound = retrieval_bound(separation, away, n, beta, largest)
    clear = holds & (bound > 1e-12 * largest)
    return OneStep(
        width=width,
        patterns=n,
        beta=beta,
        separated=float(holds.double().mean()),
        error=float(errors[holds].max() / largest) if bool(holds.any()) else 0.0,
        ratio=float((errors[clear] / bound[clear]).max()) if bool(clear.any()) else 0.0,
    )


def attention_gap(seed: int) -> float:
    """The largest difference of one step from torch's attention, in single precision.

    Both the function against `F.scaled_dot_product_attention` and the layer, with the same
    weights, against `nn.MultiheadAttention`.
    """
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    query, key, value = drawn(4, 8, 64, 64), drawn(4, 8, 256, 64), drawn(4, 8, 256, 64)
    ours = associate(query, key, value, 1 / math.sqrt(64))[0]
    gap = float((ours - F.scaled_dot_product_attention(query, key, value)).abs().max())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        theirs = nn.MultiheadAttention(128, 8, batch_first=True)
    layer = Hopfield(128, heads=8)
    with torch.no_grad():
        weights = theirs.in_proj_weight.chunk(3)
        biases = theirs.in_proj_bias.chunk(3)
        maps = (layer.state_map, layer.stored_map, layer.value_map)
        for linear, weight, bias in zip(maps, weights, biases, strict=True):
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        layer.output_map.load_state_dict(theirs.out_proj.state_dict())
        stored, states = drawn(4, 100, 128), drawn(4, 30, 128)
        difference = layer(stored, states) - theirs(states, stored, stored)[0]
    return max(gap, float(difference.abs().max()))
