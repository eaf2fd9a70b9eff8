"""Facts and steps in weights: what they learn, and that they are asked as memories are."""

import pytest
import torch
from tests.agent.states import unit

from unfrozen.agent.memories import FactMemory, StepMemory
from unfrozen.agent.memories.steps import STRENGTH, Step
from unfrozen.agent.protocols import Facts, Steps
from unfrozen.agent.tuned import TunedFacts, TunedSteps
from unfrozen.world.environments.town.facts import PERSONS, PLACES

AT = "is at"


def studied() -> tuple[FactMemory, TunedFacts]:
    facts = FactMemory()
    for person, place in zip(PERSONS[:6], PLACES, strict=False):
        facts.hold(person, AT, place, time=0)
    tuned = TunedFacts()
    memory = facts.slots.memory
    tuned.study(memory.keys, memory.values[:, :-2])
    return facts, tuned


def test_what_was_studied_is_answered_as_the_slots_answer_it() -> None:
    facts, tuned = studied()
    for person in PERSONS[:6]:
        found = tuned.ask(person, AT, PLACES)
        assert found.name == facts.ask(person, AT, PLACES).name
        assert found.confidence > 0.5
        assert found.sources == ()


def test_a_new_fact_is_learnt_and_a_denied_one_unlearnt() -> None:
    _, tuned = studied()
    before = tuned.version
    tuned.hold("baker", AT, "well", time=10)
    assert tuned.ask("baker", AT, PLACES).name == "well"
    assert tuned.version > before
    sure = tuned.ask("baker", AT, PLACES).confidence
    tuned.deny("baker", AT, "well", time=11)
    found = tuned.ask("baker", AT, PLACES)
    assert found.name != "well" or found.confidence < sure / 2


def test_before_anything_is_known_nothing_is_answered() -> None:
    facts, steps = TunedFacts(), TunedSteps(32, 4)
    assert facts.ask("baker", AT, PLACES) == (None, 0.0, ())
    assert not steps.written
    found = steps.evidence(unit(0, 3, 32), torch.tensor([0, 1, 2]))
    assert found.held.isneginf().all()
    assert not found.strength.any()
    # To study nothing is to know nothing, and no weight is lost to it.
    facts.study(torch.empty(0, 128), torch.empty(0, 64))
    steps.study(torch.empty(0, 32), torch.empty(0).long(), torch.empty(0).bool())
    assert not steps.written
    assert all(p.isfinite().all() for p in facts.network.parameters())
    assert all(p.isfinite().all() for p in steps.network.parameters())
    assert facts.ask("baker", AT, ()) == (None, 0.0, ())


def test_blocked_steps_are_studied() -> None:
    keys, steps = unit(0, 6, 32), TunedSteps(32, 4)
    rows, actions = torch.arange(6).repeat_interleave(4), torch.arange(4).repeat(6)
    shut = torch.zeros(24, dtype=torch.bool)
    shut[[2, 9, 17]] = True
    steps.study(keys[rows], actions, shut)
    found = steps.evidence(keys[rows], actions)
    assert torch.equal(found.strength, torch.where(shut, STRENGTH, 0.0).double())
    assert torch.equal(found.held == torch.inf, shut)
    assert found.source.tolist() == [-1] * 24


def test_a_step_found_blocked_is_learnt_and_found_open_unlearnt() -> None:
    keys, steps, action = unit(0, 2, 32), TunedSteps(32, 4), torch.tensor([2])
    steps.blocked((Step(keys[0], 2), Step(keys[1], 0)), time=1)
    assert steps.evidence(keys[:1], action).strength.tolist() == [STRENGTH]
    steps.opened((Step(keys[0], 2), Step(keys[1], 0)), time=2)
    assert steps.evidence(keys[:1], action).strength.tolist() == [0.0]


def test_the_same_seed_has_the_same_weights_and_draws_from_no_other_stream() -> None:
    before = torch.get_rng_state()
    one, same, other = (TunedFacts(seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for mine, theirs in zip(one.network.parameters(), same.network.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert not torch.equal(one.network[0].weight, other.network[0].weight)


@pytest.mark.parametrize("made", [TunedFacts(), TunedSteps(32, 4)])
def test_bytes_are_those_of_the_weights(made: TunedFacts | TunedSteps) -> None:
    assert made.bytes == sum(p.numel() * p.element_size() for p in made.network.parameters())


def test_weights_and_slots_can_stand_for_each_other() -> None:
    assert isinstance(TunedFacts(), Facts)
    assert isinstance(FactMemory(), Facts)
    assert isinstance(TunedSteps(32, 4), Steps)
    assert isinstance(StepMemory(32, 4), Steps)
