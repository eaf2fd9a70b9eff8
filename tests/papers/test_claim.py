import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import FactError, PaperError
from unfrozen.papers.claim import Claim, ClaimSpec, Measured, RunRecord, Table

SPEC = ClaimSpec("paper.name", "Water is wet.", 0.9, "fraction")


@pytest.mark.parametrize("name", ["", "paper", "Paper.name", "a.b.c", "paper.", "pa per.name"])
def test_an_id_is_paper_dot_name(name):
    with pytest.raises(PaperError, match="is no id of a claim"):
        ClaimSpec(name, "text", None, "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": math.nan},
        {"paper_value": math.inf},
        {"deviation": -0.1},
        {"deviation": math.nan},
        {"value": None, "holds": True},
        {"text": "  "},
    ],
)
def test_a_claim_refuses_what_the_format_does_not_allow(wrong):
    fields = {
        "id": "p.n", "text": "t", "paper_value": 1, "value": 2, "deviation": 0.5, "unit": "s",
        "holds": True,
    }  # fmt: skip
    assert Claim(**fields).value == 2
    with pytest.raises(PaperError, match=r"p\.n: "):
        Claim(**{**fields, **wrong})


@given(st.floats(allow_nan=True, allow_infinity=True), st.booleans())
def test_a_measurement_is_a_finite_value_or_a_claim_that_does_not_hold(value, holds):
    claim = SPEC.measured(value, holds=holds)
    json.dumps(claim.value, allow_nan=False)
    if math.isfinite(value):
        assert (claim.value, claim.holds) == (value, holds)
    else:
        assert claim.value is None
        assert not claim.holds
        assert str(value) in claim.note


@pytest.mark.parametrize("scalar", [np.float64(0.5), np.float32(0.5), torch.tensor(0.5), 0.5])
def test_scalars_of_numpy_and_torch_become_numbers_of_python(scalar):
    claim = SPEC.measured(scalar, deviation=scalar, holds=np.bool_(True))
    assert type(claim.value) is float
    assert type(claim.deviation) is float
    assert claim.holds is True


def test_a_measurement_that_raises_is_reported_with_what_and_where():
    def divide():
        return Measured([1][0] / 0, holds=True)

    claim = SPEC.attempt(divide)
    assert not claim.holds
    assert claim.value is None
    assert "ZeroDivisionError" in claim.note
    assert "test_claim.py:" in claim.note
    assert claim.paper_value == SPEC.paper_value


@pytest.mark.parametrize("error", [FactError("bad fact"), OSError(28, "full"), KeyboardInterrupt()])
def test_what_the_user_can_put_right_is_raised_on(error):
    def fail():
        raise error

    with pytest.raises(type(error)):
        SPEC.attempt(fail)


def test_a_table_refuses_a_row_that_does_not_fit():
    with pytest.raises(PaperError, match="two columns of the table 't' have one heading"):
        Table("t", ("a", "a"), ((1, 2),))
    with pytest.raises(PaperError, match=r"row 2 .* has 1 cells"):
        Table("t", ("a", "b"), ((1, 2), (3,)))


def test_a_table_as_json_has_an_object_a_row_and_no_nan():
    table = Table("t", ("a", "b"), ((1, math.nan), ("x", True)), "note")
    assert json.loads(json.dumps(table.to_json(), allow_nan=False)) == {
        "title": "t", "rows": [{"a": 1, "b": None}, {"a": "x", "b": True}], "note": "note",
    }  # fmt: skip


RECORD = RunRecord(
    paper="paper", budget="full", claims=(SPEC.measured(0.8, deviation=0.1, holds=False),),
    seconds=1.5, peak_memory_bytes=10, flops=20, seeds=(0,), versions={"torch": "2"},
    machine={"cores": 2}, commit=None,
)  # fmt: skip


def test_the_json_of_a_record_is_the_format_to_the_letter():
    assert RECORD.to_json() == {
        "format": 1,
        "paper": "paper",
        "budget": "full",
        "claims": [
            {
                "id": "paper.name", "text": "Water is wet.", "paper_value": 0.9, "value": 0.8,
                "deviation": 0.1, "unit": "fraction", "holds": False, "note": "",
            }
        ],
        "seconds": 1.5,
        "peak_memory_bytes": 10,
        "flops": 20,
        "seeds": [0],
        "versions": {"torch": "2"},
        "machine": {"cores": 2},
        "commit": None,
    }  # fmt: skip


def test_a_record_comes_back_from_its_json():
    assert RunRecord.from_json(json.loads(json.dumps(RECORD.to_json()))) == RECORD


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": 2},
        {"budget": "huge"},
        {"claims": {}},
        {"claims": [{"id": "a.b"}]},
        {"claims": RECORD.to_json()["claims"] * 2},
        {"seconds": -1},
        {"flops": None},
        {"seeds": 0},
        {"seeds": ["0"]},
        {"commit": 3},
        {"extra": 1},
    ],
)
def test_a_record_that_is_not_of_the_format_is_refused(wrong):
    with pytest.raises(PaperError):
        RunRecord.from_json({**RECORD.to_json(), **wrong})
