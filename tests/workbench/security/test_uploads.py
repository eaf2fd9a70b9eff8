"""Files from a browser: safetensors and JSON that are what they say, nothing else."""

import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import save

from unfrozen.errors import WorkbenchError
from unfrozen.workbench.security.uploads import read_json, read_matrix, read_tensors

ROWS = [[1.0, -1.0, 0.5], [0.0, 2.0, -3.0]]


def test_rows_come_back_as_they_were_sent():
    rows = torch.tensor(ROWS)
    assert torch.equal(read_matrix("a.json", json.dumps(ROWS).encode()), rows)
    assert torch.equal(read_matrix("a.safetensors", save({"x": rows})), rows)
    assert torch.equal(read_matrix("A.SAFETENSORS", save({"x": rows.half()})), rows)


@pytest.mark.parametrize(
    "name", ["a.pt", "a.pkl", "a.npy", "a.bin", "safetensors", "", "a.json.pt"]
)
def test_files_of_other_kinds_are_refused(name):
    with pytest.raises(WorkbenchError, match=r"\.safetensors or a \.json"):
        read_matrix(name, b"whatever")


def test_a_pickle_is_never_opened():
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("it was opened",))

    trap = pickle.dumps(Trap())
    for name in ("a.safetensors", "a.json"):
        with pytest.raises(WorkbenchError, match="the file is no"):
            read_matrix(name, trap)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0" * 7, struct.pack("<Q", 2**60) + b"{}", struct.pack("<Q", 2) + b"[]",
        save({"x": torch.ones(2, 2)})[:-3], b"\xff" * 64,
    ],
)  # fmt: skip
def test_a_damaged_safetensors_file_is_refused(data):
    with pytest.raises(WorkbenchError, match="no safetensors file"):
        read_tensors(data)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe\x00", b"[" * 200_000, b"nul"])
def test_what_is_no_json_is_refused(data):
    with pytest.raises(WorkbenchError, match="no JSON"):
        read_json(data)


@pytest.mark.parametrize(
    "value",
    [{}, [], [[]], [1, 2], [["a"]], [[True]], [[1], [1, 2]], [[None]], [[[1]]], "text", [[1e999]]],
)
def test_json_that_holds_no_rows_is_refused(value):
    with pytest.raises(WorkbenchError):
        read_matrix("a.json", json.dumps(value).encode())


@pytest.mark.parametrize(
    "tensors",
    [
        {}, {"x": torch.ones(3)}, {"x": torch.ones(2, 2), "y": torch.ones(2, 2)},
        {"x": torch.full((2, 2), float("nan"))}, {"x": torch.ones(2, 2, dtype=torch.bool)},
        {"x": torch.ones(0, 4)},
    ],
)  # fmt: skip
def test_tensors_that_are_no_rows_of_numbers_are_refused(tensors):
    with pytest.raises(WorkbenchError):
        read_matrix("a.safetensors", save(tensors))


def test_too_many_numbers_are_refused():
    for name, data in (
        ("a.json", json.dumps([[0.0] * 11]).encode()),
        ("a.safetensors", save({"x": torch.zeros(1, 11)})),
    ):
        with pytest.raises(WorkbenchError):
            read_matrix(name, data, most=10)
