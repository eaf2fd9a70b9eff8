"""Hierarchical associative memories: layers of neurons, joined by synapses, with one energy.

E = Σ layers (x · g - L(x)) + Σ synapses E_s(g, g', ...), and tau dx/dt = -dE/dg.  A Hopfield
network is two layers and one synapse; depth, convolutions and attention are other synapses.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.energy.lagrangians import Lagrangian, activation, legendre, named
from unfrozen.errors import EnergyError

State = dict[str, Tensor]
"""Layer -> its neurons' states [batch, *position, feature]."""


class DenseSynapse(nn.Module):
    """Joins every neuron of one layer to every one of another: E = -g^T W g'.

    Args:
        widths: features of both layers.
        device: as for any module.
        dtype: as for any module.

    Source: Krotov 2021, equation 4.
    """

    def __init__(
        self,
        widths: tuple[int, int],
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if min(widths) < 1:
            raise EnergyError(f"layers have one feature or more, not {widths}")
        self.weight = nn.Parameter(torch.empty(widths, device=device, dtype=dtype))
        nn.init.normal_(self.weight, std=1 / math.sqrt(widths[0]))

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """The energy of each sample, summed over positions."""
        return -(one @ self.weight * other).flatten(1).sum(1)


@dataclass(frozen=True)
class Fall:
    """The way of a network's layers down its energy.

    Attributes:
        states: where they ended.
        energies: before the first step and after each.
        trajectory: the states at the same times; empty if not asked for.
    """

    states: State
    energies: Float[Tensor, "time b"]
    trajectory: tuple[State, ...]


class AssociativeNetwork(nn.Module):
    """Layers of neurons and the synapses between them.

    Args:
        layers: name -> Lagrangian, or its name in `LAGRANGIANS`.
        synapses: which layers each joins, and a module that maps their activations, in that order,
            to one number a sample.

    Raises:
        EnergyError: a synapse joins a layer that is not there, or a Lagrangian is unknown.

    Source: Krotov 2021, equations 1 to 6; Hoover et al. 2022.

    Example:
        >>> layers = {"seen": "identity", "hidden": "softmax"}
        >>> network = AssociativeNetwork(layers, [(("seen", "hidden"), DenseSynapse((4, 9)))])
        >>> fall = network.fall({"seen": torch.ones(1, 4), "hidden": torch.zeros(1, 9)}, 50, 0.1)
        >>> bool((fall.energies.diff(dim=0) <= 0).all())
        True
    """

    def __init__(
        self,
        layers: Mapping[str, Lagrangian | str],
        synapses: Sequence[tuple[tuple[str, ...], nn.Module]],
    ) -> None:
        super().__init__()
        self.layers = {n: named(x) if isinstance(x, str) else x for n, x in layers.items()}
        self.joined = tuple(tuple(names) for names, _ in synapses)
        missing = {name for names in self.joined for name in names} - set(self.layers)
        if missing or not self.layers:
            raise EnergyError(f"a synapse joins layers that are not there: {sorted(missing)}")
        self.synapses = nn.ModuleList(module for _, module in synapses)

    def activations(self, states: State) -> State:
        """What the neurons of each layer put out: g = dL/dx."""
        return {name: activation(self.layers[name], x) for name, x in self._checked(states).items()}

    def forward(self, states: State) -> Float[Tensor, " b"]:
        """The energy of each sample."""
        return self._energy(states, self.activations(states))

    def _energy(self, states: State, out: State) -> Tensor:
        neurons = sum(
            legendre(lagrangian, states[name], out[name]).reshape(len(out[name]), -1).sum(1)
            for name, lagrangian in self.layers.items()
        )
        return torch.as_tensor(neurons) + self._joint(out)

    def _joint(self, out: State) -> Tensor:
        found = [
            synapse(*(out[name] for name in names))
            for names, synapse in zip(self.joined, self.synapses, strict=True)
        ]
        if not found:
            some = next(iter(out.values()))
            return some.new_zeros(len(some))
        return torch.stack(found).sum(0)

    def slopes(self, states: State) -> State:
        """DE/dg of each layer: its state, plus what its synapses say."""
        with torch.no_grad():
            out = self.activations(states)
        return self._slopes(states, out)

    def _slopes(self, states: State, out: State) -> State:
        with torch.enable_grad():
            out = {name: g.detach().requires_grad_() for name, g in out.items()}
            joint = self._joint(out).sum()
            names = list(out)
            found = torch.autograd.grad(joint, [out[n] for n in names], allow_unused=True)
        return {
            name: states[name] if grad is None else states[name] + grad
            for name, grad in zip(names, found, strict=True)
        }

    @torch.no_grad()
    def fall(
        self,
        states: State,
        steps: int,
        step_size: float,
        *,
        held: Sequence[str] = (),
        trajectory: bool = False,
    ) -> Fall:
        """Let the layers fall: x <- x - step_size dE/dg.

        Args:
            states: where they start.
            steps: how many.
            step_size: dt / tau.
            held: layers that stay as they are: what is clamped.
            trajectory: whether to keep the states on the way.

        Raises:
            EnergyError: a layer is missing or unknown, or a number makes no sense.
        """
        if steps < 0 or not 0 < step_size < math.inf:
            raise EnergyError("layers fall for no or more steps of a positive size")
        unknown = set(held) - set(self.layers)
        if unknown:
            raise EnergyError(f"there is no layer {min(unknown)!r} to hold")
        states = dict(self._checked(states))
        way = [states]
        energies = []
        for _ in range(steps):
            out = self.activations(states)
            energies.append(self._energy(states, out))
            slopes = self._slopes(states, out)
            states = {
                name: x if name in held else x - step_size * slopes[name]
                for name, x in states.items()
            }
            if trajectory:
                way.append(states)
        energies.append(self(states))
        return Fall(states, torch.stack(energies), tuple(way) if trajectory else ())

    def _checked(self, states: State) -> State:
        if set(states) != set(self.layers):
            raise EnergyError(
                f"a state is given for each of {', '.join(self.layers)}, not for "
                f"{', '.join(states) or 'none'}"
            )
        return states
