"""The tasks: shapes, what they may see, and that they can learn."""

import pytest
import torch
from tests.draws import normal32

from unfrozen.energy import EnergyTransformer
from unfrozen.energy.graphs import GraphEnergyTransformer
from unfrozen.energy.tasks import (
    GraphClassifier,
    ImageCompletion,
    NodeAnomaly,
    laplacian_positions,
)
from unfrozen.errors import EnergyError


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def ring(n):
    one = torch.stack([torch.arange(n), (torch.arange(n) + 1) % n])
    return torch.cat([one, one.flip(0)], 1)


def completion():
    return seeded(lambda: ImageCompletion(8, 2, EnergyTransformer(16, 2, 8, 32, steps=4), 16))


def test_pictures_are_cut_and_put_together():
    model, pictures = completion(), normal32(0, 3, 1, 8, 8)
    patches = model.patches(pictures)
    assert patches.shape == (3, 16, 4)
    assert patches[1, 1].tolist() == pictures[1, 0, :2, 2:4].flatten().tolist()
    assert torch.equal(model.pictures(patches), pictures)


def test_hidden_patches_are_not_looked_at():
    model, pictures = completion(), normal32(0, 2, 1, 8, 8)
    hidden = torch.zeros(2, 16, dtype=torch.bool)
    hidden[:, 3] = True
    other = pictures.clone()
    other[:, :, :2, 6:] = 100.0
    torch.testing.assert_close(model(other, hidden), model(pictures, hidden))
    assert not torch.allclose(model(other, ~hidden), model(pictures, ~hidden))


def test_the_error_is_of_the_hidden_patches():
    model, pictures = completion(), normal32(0, 2, 1, 8, 8)
    hidden = normal32(1, 2, 16) > 0
    gap = (model(pictures, hidden) - model.patches(pictures)).square().mean(-1)
    expected = gap[hidden].sum() / hidden.sum()
    torch.testing.assert_close(model.error(pictures, hidden), expected)


def test_completion_learns():
    model = completion()
    row = torch.linspace(0, 1, 8)
    pictures = torch.stack([row.expand(8, 8).T, row.expand(8, 8)])[:, None]
    hidden = torch.zeros(2, 16, dtype=torch.bool)
    hidden[:, 5:7] = True
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    before = float(model.error(pictures, hidden).detach())
    for _ in range(60):
        loss = model.error(pictures, hidden)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1 * before


def test_anomalies_are_learned_from_neighbours():
    """A node is anomalous if it differs from its neighbours, which it cannot know by itself."""
    n = 60
    side = torch.arange(n) // 20
    odd = torch.arange(n) % 7 == 0
    kind = torch.where(odd, (side + 1) % 3, side)
    nodes = torch.nn.functional.one_hot(kind, 3).float()
    near = side[:, None] == side[None]
    edges = torch.nonzero(near & ~torch.eye(n, dtype=torch.bool)).T
    model = seeded(lambda: NodeAnomaly(3, GraphEnergyTransformer(16, 2, 8, 32, steps=3), 16))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(80):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            model(nodes, edges), odd.float()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert bool(((model(nodes, edges) > 0) == odd).all())


def test_graphs_are_judged_by_themselves():
    model = seeded(
        lambda: GraphClassifier(3, 2, GraphEnergyTransformer(8, 2, 4, 16, steps=3), 8, positions=4)
    ).eval()
    sizes = (5, 7)
    nodes = [normal32(i, n, 3) for i, n in enumerate(sizes)]
    places = [laplacian_positions(ring(n), n, 4) for n in sizes]
    edges = [ring(n) for n in sizes]
    graph = torch.tensor([0] * 5 + [1] * 7)
    together = model(
        torch.cat(nodes), torch.cat(places), torch.cat([edges[0], edges[1] + 5], 1), graph
    )
    for i, n in enumerate(sizes):
        alone = model(nodes[i], places[i], edges[i], torch.zeros(n, dtype=torch.int64))
        torch.testing.assert_close(together[i], alone[0])


def test_positions_are_eigenvectors():
    n, edges = 9, ring(9)
    found = laplacian_positions(edges, n, 12)
    assert found.shape == (9, 12)
    assert float(found[:, 8:].abs().max()) == 0  # a graph of nine has eight besides the constant
    adjacent = torch.zeros(n, n)
    adjacent[edges[0], edges[1]] = 1
    laplacian = torch.eye(n) - adjacent / 2
    for column in found[:, :8].T:
        image = laplacian @ column
        value = image @ column / (column @ column)
        torch.testing.assert_close(image, value * column, rtol=1e-4, atol=1e-4)


def test_patches_fill_pictures():
    with pytest.raises(EnergyError, match="do not fill"):
        ImageCompletion(8, 3, torch.nn.Identity(), 4)
