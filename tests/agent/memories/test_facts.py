"""Facts against a plain dictionary of what was said last."""

import hashlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unfrozen.agent.memories import FactMemory
from unfrozen.agent.memories.facts import vector
from unfrozen.world.environments.town.facts import ITEMS, PERSONS, PLACES

AT = "is at"


def test_names_have_vectors_of_their_letters_alone() -> None:
    seed = int.from_bytes(hashlib.sha256(b"mill").digest()[:8], "little") >> 1
    drawn = torch.randn(64, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(vector("mill"), drawn / drawn.norm())
    names = torch.stack([vector(name) for name in (*PERSONS, *PLACES, *ITEMS)])
    alike = names @ names.T
    torch.testing.assert_close(alike.diagonal(), torch.ones(len(names)))
    # No two are taken for each other.
    assert float((alike - torch.eye(len(names))).max()) < 0.5


@settings(max_examples=15)
@given(
    said=st.lists(
        st.tuples(
            st.sampled_from(PERSONS[:3]), st.sampled_from(PLACES), st.integers(50, 200),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    )
)  # fmt: skip
def test_what_was_said_last_wins(said: list[tuple[str, str, int, bool]]) -> None:
    # A half-life apart, all that came before weighs less than what is said last.
    facts, last, time = FactMemory(), dict[str, tuple[str, bool]](), 0
    for person, place, later, so in said:
        time += later
        (facts.hold if so else facts.deny)(person, AT, place, time=time)
        last[person] = place, so
    for person in PERSONS[:4]:
        answer = facts.ask(person, AT, PLACES)
        assert 0 <= answer.confidence <= 1
        if person not in last:
            assert answer.name is None
            continue
        place, so = last[person]
        assert (answer.name == place) == so
        # What was never said of them is not answered.
        assert answer.name in {
            None,
            *(where for who, where, _, held in said if held and who == person),
        }


def test_an_answer_rests_on_the_slots_that_say_so() -> None:
    facts = FactMemory()
    facts.hold("smith", AT, "mill", time=0)
    old = facts.hold("baker", AT, "mill", time=0)
    facts.hold("baker", "is sold by", "inn", time=5)
    new = facts.hold("baker", AT, "inn", time=100)
    answer = facts.ask("baker", AT, PLACES)
    assert answer.name == "inn"
    assert [which for which, _ in answer.sources] == [new]
    # Two writes later, at a quarter of a write a half-life: 256 to 1.
    assert answer.sources[0][1] == pytest.approx(256 / 257)
    assert answer.confidence == pytest.approx(256 / 257 * 2 / 2.01)
    facts.slots.forget(new)
    assert facts.ask("baker", AT, PLACES).name == "mill"
    facts.slots.forget(old)
    assert facts.ask("baker", AT, PLACES).name is None
    assert facts.ask("smith", AT, PLACES).name == "mill"


def test_of_what_nobody_said_nothing_is_known() -> None:
    facts = FactMemory()
    assert facts.ask("baker", AT, PLACES) == (None, 0.0, ())
    facts.hold("baker", AT, "mill", time=0)
    for subject, relation, answers in (
        ("smith", AT, PLACES), ("baker", "is sold by", PLACES), ("baker", AT, ()),
        ("baker", AT, ("inn", "well")),
    ):  # fmt: skip
        assert facts.ask(subject, relation, answers).name is None


def test_what_is_not_true_is_not_answered_by_a_likeness() -> None:
    facts = FactMemory()
    facts.deny("baker", AT, "mill", time=0)
    assert facts.ask("baker", AT, PLACES).name is None
    facts.hold("baker", AT, "inn", time=1)
    assert facts.ask("baker", AT, PLACES).name == "inn"


def test_a_slot_is_its_key_its_value_strength_time_and_id() -> None:
    facts = FactMemory()
    facts.hold("baker", AT, "mill", time=3)
    assert facts.bytes == 8 * (128 + 64 + 2 + 1)
