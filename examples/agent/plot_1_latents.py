r"""A world model that must not collapse
====================================

A joint-embedding model (LeCun 2022) encodes what is seen, :math:`z_t = f(x_t)`, and foresees in
that space, :math:`\hat z_{t+1} = g(z_t, a_t)`. Nothing is drawn again pixel by pixel. But the
prediction loss alone is zero where every :math:`z` is the same. SIGReg (Balestriero and LeCun 2025)
keeps latents apart: along random directions :math:`u` their characteristic function is to be a
Gaussian's,

.. math::

   L = \lVert \hat z_{t+1} - z_{t+1}\rVert^2 + \lambda\;\mathbb E_u\; n\!\int\! w(t)\,
   \bigl|\varphi_u(t) - e^{-t^2/2}\bigr|^2\,dt .
"""

import torch

from unfrozen.world.jepa import effective_rank, r_squared, ridge_probe
from unfrozen.world.jepa.networks.encoders import perceptron
from unfrozen.world.jepa.objectives.sigreg import draw_directions, sigreg
from unfrozen.world.jepa.objectives.terms import prediction
from unfrozen.world.model import FunctionDynamics
from unfrozen.world.planning import MppiSettings, mppi
from unfrozen.world.planning.plots import plan_trace

pixels = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, 10)] * 2, indexing="ij"), -1)


def seen(places: torch.Tensor) -> torch.Tensor:
    """Images of a spot of light, [n, 100], at places [n, 2]."""
    squared = (pixels - places[:, None, None]).square().sum(-1)
    return torch.exp(-squared / 0.08).flatten(1)


def moved(places: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """The world: a spot moves by its action, and stays within the walls."""
    return (places + 0.2 * actions).clamp(-0.9, 0.9)


# %%
# Two models learn from random steps, without a reward; one of them without SIGReg.


def learnt(weight: float, steps: int = 400) -> tuple[torch.nn.Module, torch.nn.Module]:
    """An encoder and a predictor."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder, predictor = perceptron(100, 128, 2), perceptron(4, 128, 2)
    optimizer = torch.optim.Adam([*encoder.parameters(), *predictor.parameters()], lr=2e-3)
    for _ in range(steps):
        places = torch.rand(128, 2, generator=generator) * 1.8 - 0.9
        actions = torch.rand(128, 2, generator=generator) * 2 - 1
        now, then = encoder(seen(places)), encoder(seen(moved(places, actions)))
        loss = prediction(now + predictor(torch.cat([now, actions], 1)), then)
        if weight:
            loss = loss + weight * sigreg(now, draw_directions(2, 16, generator, now))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return encoder, predictor


generator = torch.Generator().manual_seed(1)
places = torch.rand(500, 2, generator=generator) * 1.8 - 0.9
for name, weight in (("prediction alone", 0.0), ("with SIGReg", 0.05)):
    encoder, predictor = learnt(weight)
    with torch.no_grad():
        latents = encoder(seen(places))
    probe = ridge_probe(latents[:250], places[:250])
    told = r_squared(probe(latents[250:]), places[250:])
    print(
        f"{name}: latents spread by {float(latents.std(0).mean()):.3f}, over "
        f"{effective_rank(latents):.1f} directions in effect, and tell {told:.2f} of the place"
    )

# %%
# The second model is good enough to plan with. Model-predictive path integral control (Williams et
# al. 2017) draws rows of actions, foresees where each leads, and refits to the best.

dynamics = FunctionDynamics(lambda z, a: z + predictor(torch.cat([z, a], 1)))
with torch.no_grad():
    start, goal = encoder(seen(torch.tensor([[-0.7, -0.6], [0.6, 0.7]])))
settings = MppiSettings(horizon=10, width=2, iterations=5, samples=128)
plan = mppi(
    dynamics,
    lambda states, actions: (states[:, -1] - goal).square().sum(1),
    start[None],
    settings,
    generator=generator,
    trace=24,
)
where = torch.tensor([[-0.7, -0.6]])
for action in plan.actions[0]:
    where = moved(where, action[None])
print("the plan leads to", [round(float(c), 2) for c in where[0]], "instead of [0.6, 0.7]")
figure = plan_trace(plan, project=probe, goal=goal, title="A plan, as the model foresees it")

# %%
# **What to look at.** The first model foresees well, for its latents have shrunk to nearly a point:
# there is nothing to miss. The second spreads them, and tells where the spot is, though no place
# was ever shown to it. The picture draws latents by the linear probe. Full-size models of rooms
# with walls are trained by ``unfrozen world train``; goals in the other room that plans reach, in
# the full run: :claim:`jepa.two-rooms`.
