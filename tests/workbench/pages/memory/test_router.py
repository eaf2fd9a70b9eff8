"""The page Memory: recall against the library and closed forms, heads against the analysis."""

import json
from itertools import pairwise

import pytest
import torch
from safetensors.torch import save

from unfrozen.language.covariance import SelfGenerated
from unfrozen.language.heads import analyse_heads
from unfrozen.language.model import LanguageModel
from unfrozen.workbench.pages.memory.patterns import letters
from unfrozen.workbench.pages.memory.recalling import damaged
from unfrozen.workbench.pages.memory.schemas import DamageIn

LETTERS = letters().patterns
NETWORKS = [
    {"kind": "modern", "beta": 0.5},
    {"kind": "dense", "degree": 3},
    {"kind": "classical", "rule": "pseudo-inverse"},
    {"kind": "kernel", "beta": 0.05},
]


def recall(page, **asked):
    response = page.post("/api/memory/recall", {"patterns": LETTERS, **asked})
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network["kind"])
def test_a_damaged_letter_falls_into_itself_and_energy_never_rises(page, network):
    for shown in range(len(LETTERS)):
        damage = {"kind": "flip", "amount": 0.1, "seed": shown}
        found = recall(page, shown=shown, damage=damage, network=network)
        assert (found["nearest"], found["recalled"], found["converged"]) == (shown, True, True)
        energies = [step["energy"] for step in found["steps"]]
        assert all(b <= a + 1e-4 * abs(a) for a, b in pairwise(energies))
        assert found["steps"][-1]["cosines"][shown] == pytest.approx(1, abs=1e-2)


def test_each_step_of_a_network_of_signs_turns_one(page):
    found = recall(page, shown=2, damage={"amount": 0.2}, network={"kind": "dense"})
    states = torch.tensor([step["state"] for step in found["steps"]])
    assert [int((a != b).sum()) for a, b in pairwise(states)] == [1] * (len(states) - 1)
    # E(s) = -Σ_i (x_i · s / d)^3, the dense network's.
    overlaps = states @ torch.tensor(LETTERS).T / 64
    energies = torch.tensor([step["energy"] for step in found["steps"]])
    torch.testing.assert_close(energies, -(overlaps**3).sum(1), atol=1e-4, rtol=1e-4)


def test_a_step_of_the_modern_network_is_attention(page):
    beta = 0.05
    found = recall(page, damage={"kind": "noise", "amount": 0.5}, network={"beta": beta})
    x = torch.tensor(LETTERS)
    states = torch.tensor([step["state"] for step in found["steps"]])
    once = (beta * states[0] @ x.T).softmax(0) @ x
    torch.testing.assert_close(states[1], once, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("flip", lambda a, b: int((a == -b).sum()) == 16 and int((a == b).sum()) == 48),
        ("mask", lambda a, b: int((b == 0).sum()) == 16 and int((a == b).sum()) == 48),
        ("noise", lambda a, b: 0.1 < float((a - b).std()) < 0.4),
    ],
)
def test_damage_is_as_much_as_was_asked_and_the_same_for_its_seed(kind, check):
    whole = torch.tensor(LETTERS[0])
    one = damaged(whole, DamageIn(kind=kind, amount=0.25, seed=7))
    assert check(whole, one)
    assert torch.equal(one, damaged(whole, DamageIn(kind=kind, amount=0.25, seed=7)))
    assert not torch.equal(one, damaged(whole, DamageIn(kind=kind, amount=0.25, seed=8)))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"patterns": [[1, 1], [1]]}, "different widths"),
        ({"shown": 6}, "no pattern 6"),
        ({"start": [1.0]}, "the start has 1 features"),
        ({"damage": {"kind": "flip", "amount": 2}}, "a share is from 0 to 1"),
        ({"patterns": [[0.5, 1]], "network": {"kind": "dense"}}, "stores signs"),
        ({"patterns": []}, "patterns"),
        ({"network": {"beta": 0}}, "network.beta"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(page, asked, told):
    refused = page.post("/api/memory/recall", {"patterns": LETTERS, **asked})
    assert told in page.refused(refused)


def test_patterns_are_uploaded_as_tensors_or_json(page):
    rows = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    for name, data in (
        ("a.safetensors", save({"x": rows})),
        ("a.json", json.dumps(rows.tolist()).encode()),
    ):
        found = page.upload("/api/memory/patterns", data, name=name).json()
        torch.testing.assert_close(torch.tensor(found["patterns"]), rows)
        assert (found["names"], found["width"]) == (["1", "2", "3"], 4)
    wide = json.dumps([[0.0] * 1025]).encode()
    assert "up to 200" in page.refused(page.upload("/api/memory/patterns", wide, name="a.json"))
    assert "not taken" in page.refused(page.upload("/api/memory/patterns", b"x", name="a.pkl"))


def test_heads_are_those_of_the_analysis(page, tiny_folder):
    found = page.done("/api/memory/heads", {"rows": 2, "length": 16})
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    expected = analyse_heads(lm, 2, SelfGenerated(0, 16))
    assert found["classes"] == [list(row) for row in expected.classes]
    assert found["share"] == [list(row) for row in expected.share]
    assert found["queries"] == expected.queries
