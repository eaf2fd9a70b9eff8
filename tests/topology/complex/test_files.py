"""Complexes on a disk: back as they were, whole at any time, and refused where they are damaged."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from tests.topology.complexes import complexes

from unfrozen.errors import DataError, TopologyError
from unfrozen.topology.complex import Complex, files
from unfrozen.topology.complex.files import Stored, load_complex, read_complex, save_complex

SQUARE = {
    "kind": "complex", "format": 1, "nodes": 4,
    "cells": {"1": [[0, 1], [1, 2], [2, 3], [3, 0]], "2": [[0, 1, 2, 3]]},
}  # fmt: skip


def square(**features):
    return Complex(
        {1: [[0, 1], [1, 2], [2, 3], [3, 0]], 2: [[0, 1, 2, 3]]},
        features={int(rank[1:]): rows for rank, rows in features.items()},
    )


def written(folder: Path, found) -> Path:
    path = folder / "c.json"
    path.write_text(found if isinstance(found, str) else json.dumps(found))
    return path


def same(one: Complex, other: Complex) -> bool:
    return one.ranks == other.ranks and all(
        one.cells(rank).pointers.tolist() == other.cells(rank).pointers.tolist()
        and one.cells(rank).members.tolist() == other.cells(rank).members.tolist()
        and one.ids[rank].tolist() == other.ids[rank].tolist()
        for rank in one.ranks
    )


@given(complexes(features=True))
def test_a_complex_comes_back_bit_for_bit(tmp_path_factory, complex_):
    path = tmp_path_factory.mktemp("c") / "c.json"
    save_complex(complex_, path)
    back = load_complex(path)
    assert same(back, complex_)
    assert back.features.keys() == complex_.features.keys()
    assert all(back.features[r].equal(x) for r, x in complex_.features.items())


def test_ids_labels_columns_and_precisions_come_back(tmp_path):
    given_ = square(
        r0=torch.tensor([[0.1, 2.0]] * 4, dtype=torch.bfloat16),
        r2=torch.tensor([[1 / 3]], dtype=torch.float64, requires_grad=True),
    ).restricted({1: np.array([2, 0, 3, 1])})
    save_complex(
        given_, tmp_path / "c.json", labels=("a", "b", "ç", "d"), columns={0: ("x", "weight")}
    )
    back = read_complex(tmp_path / "c.json")
    assert same(back.complex, given_)
    assert back.complex.ids[1].tolist() == [6, 4, 7, 5]
    assert back.labels == ("a", "b", "ç", "d")
    assert back.columns == {0: ("x", "weight")}
    for rank, dtype in ((0, torch.bfloat16), (2, torch.float64)):
        assert back.complex.features[rank].dtype == dtype
        assert back.complex.features[rank].equal(given_.features[rank])
    # Ids that count are not written; these do not.
    assert "ids" in json.loads((tmp_path / "c.json").read_text())


def test_the_format_is_the_documented_one(tmp_path):
    lines = files.__doc__.split("\n\n")[2]
    told = json.loads(lines)
    assert told.keys() == files._KEYS
    assert told.pop("features")["columns"] == {"0": ["x", "y"]}
    path = written(tmp_path, told)
    found = read_complex(path)
    assert same(found.complex, square())
    assert found.labels == ("north", "east", "south", "west")
    save_complex(square(), path)
    assert json.loads(path.read_text()) == SQUARE


def test_what_hands_write_may_leave_out_all_but_nodes(tmp_path):
    found = read_complex(written(tmp_path, {"kind": "complex", "format": 1, "nodes": 3}))
    assert (found.complex.ranks, found.complex.n_nodes) == ((0,), 3)
    assert (found.labels, dict(found.columns), found.places) == (None, {}, None)


@pytest.mark.parametrize(
    ("names", "axes"), [(("x", "y", "z"), [0, 1, 2]), (("w", "y", "x"), [2, 1]), (("x",) * 3, None)]
)
def test_places_are_features_named_so(names, axes):
    rows = torch.arange(12.0).view(4, 3)
    found = Stored(square(r0=rows), columns={0: names}).places
    assert (found is None) if axes is None else found.equal(rows[:, axes])


def test_names_that_do_not_fit_are_refused_before_anything_is_written(tmp_path):
    for more in ({"labels": ["a"]}, {"columns": {0: ["x"]}}):
        with pytest.raises(TopologyError, match=r"1 (labels|names)"):
            save_complex(square(r0=torch.ones(4, 2)), tmp_path / "c.json", **more)
    assert not list(tmp_path.iterdir())


BAD = {
    "no kind": ({**SQUARE, "kind": "graph"}, "no complex"),
    "a list": ([SQUARE], "no complex"),
    "later version": ({**SQUARE, "format": 2}, "of format 2, and this version reads 1"),
    "version as text": ({**SQUARE, "format": "1"}, "of format '1'"),
    "version as truth": ({**SQUARE, "format": True}, "of format True"),
    "no version": ({"kind": "complex", "nodes": 4}, "of format None"),
    "misspelt": ({**SQUARE, "cell": {}}, "has 'cell'"),
    "no nodes": ({**SQUARE, "nodes": 0}, "from 1 up, not 0"),
    "half a node": ({**SQUARE, "nodes": 4.5}, "not 4.5"),
    "nodes as truth": ({**SQUARE, "nodes": True}, "not True"),
    "node that is not there": ({**SQUARE, "nodes": 3}, "has node 3, and nodes are 0 to 2"),
    "cells as list": ({**SQUARE, "cells": [[0, 1]]}, "by rank, not list"),
    "rank 0": ({**SQUARE, "cells": {"0": [[0]]}}, "ranks from 1 up, and one is '0'"),
    "rank 01": ({**SQUARE, "cells": {"01": [[0, 1]]}}, "one is '01'"),
    "rank of a word": ({**SQUARE, "cells": {"edges": [[0, 1]]}}, "one is 'edges'"),
    "rank too long": ({**SQUARE, "cells": {"9" * 5000: [[0, 1]]}}, "ranks from 1 up"),
    "rank as number": ({**SQUARE, "cells": {"1": 3}}, "no list"),
    "cell as number": ({**SQUARE, "cells": {"1": [[0, 1], 3]}}, "cell 1 of rank 1"),
    "empty cell": ({**SQUARE, "cells": {"1": [[]]}}, "cell 0 of rank 1"),
    "half of a node": ({**SQUARE, "cells": {"1": [[0, 1.0]]}}, "cell 0 of rank 1"),
    "true node": ({**SQUARE, "cells": {"1": [[0, True]]}}, "cell 0 of rank 1"),
    "huge node": ({**SQUARE, "cells": {"1": [[0, 2**70]]}}, "c.json"),
    "node twice": ({**SQUARE, "cells": {"1": [[0, 0]]}}, "has a node twice"),
    "cell twice": ({**SQUARE, "cells": {"1": [[0, 1], [1, 0]]}}, "there twice"),
    "part above the whole": (
        {**SQUARE, "cells": {"1": [[0, 1, 2]], "2": [[0, 1]]}}, "lie within cells of rank 1",
    ),
    "labels too few": ({**SQUARE, "labels": ["a"]}, "1 labels are not one for each of 4"),
    "labels as numbers": ({**SQUARE, "labels": [1, 2, 3, 4]}, "no list of texts"),
    "ids too few": ({**SQUARE, "ids": {"0": [1]}}, "1 ids"),
    "ids twice": ({**SQUARE, "ids": {"0": [1, 1, 2, 3]}}, "of one cell each"),
    "ids as text": ({**SQUARE, "ids": {"0": "0123"}}, "no whole numbers"),
    "huge ids": ({**SQUARE, "ids": {"0": [1, 2, 3, 2**64]}}, "too large"),
    "features nowhere": ({**SQUARE, "features": {}}, "name no file"),
    "features elsewhere": (
        {**SQUARE, "features": {"file": "../x.safetensors"}}, "no name of a file beside it",
    ),
    "features missing": (
        {**SQUARE, "features": {"file": "x.safetensors", "sha256": "0"}}, "cannot be read: No such",
    ),
    "key twice": ('{"kind": "complex", "kind": "complex"}', "'kind' is there twice"),
    "empty": ("", "cannot be read as JSON"),
    "deep": ("[" * 100_000, "cannot be read as JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_damaged_is_told_in_one_line(name, tmp_path):
    found, told = BAD[name]
    path = written(tmp_path, found)
    with pytest.raises(TopologyError) as caught:
        load_complex(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_beginning_of_a_file_is_refused(tmp_path):
    save_complex(square(), tmp_path / "whole.json")
    text = (tmp_path / "whole.json").read_text().rstrip()
    for end in range(len(text)):
        with pytest.raises(TopologyError):
            load_complex(written(tmp_path, text[:end]))


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "c.json").write_bytes(bytes(range(256)))
    for path in (tmp_path / "c.json", tmp_path, tmp_path / "none.json"):
        with pytest.raises(TopologyError, match="cannot be read as JSON"):
            load_complex(path)


def test_features_that_were_changed_are_refused(tmp_path):
    save_complex(square(r0=torch.ones(4, 2)), tmp_path / "c.json")
    (beside,) = tmp_path.glob("*.safetensors")
    whole = beside.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + b"!", b""):
        beside.write_bytes(damaged)
        with pytest.raises(TopologyError, match="is damaged"):
            load_complex(tmp_path / "c.json")
    beside.unlink()
    with pytest.raises(TopologyError, match="cannot be read: No such file"):
        load_complex(tmp_path / "c.json")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (torch.ones(3, 2), "3 rows of features"),
        (torch.ones(4), "float32 of [4]"),
        (torch.ones(4, 1, dtype=torch.int64), "int64 of [4, 1]"),
    ],
)
def test_features_that_do_not_fit_are_refused(rows, told, tmp_path):
    import hashlib

    import safetensors.torch

    data = safetensors.torch.save({"0": rows})
    (tmp_path / "x.safetensors").write_bytes(data)
    features = {"file": "x.safetensors", "sha256": hashlib.sha256(data).hexdigest()}
    with pytest.raises(TopologyError) as caught:
        load_complex(written(tmp_path, {**SQUARE, "features": features}))
    assert told in str(caught.value)


def test_features_that_are_no_tensors_are_refused(tmp_path):
    import hashlib

    (tmp_path / "x.safetensors").write_bytes(b"none")
    features = {"file": "x.safetensors", "sha256": hashlib.sha256(b"none").hexdigest()}
    with pytest.raises(TopologyError, match="cannot be read as features"):
        load_complex(written(tmp_path, {**SQUARE, "features": features}))


def test_a_complex_that_is_written_over_leaves_nothing_behind(tmp_path):
    path = tmp_path / "c.json"
    for value in (1.0, 2.0, 2.0):
        save_complex(square(r0=torch.full((4, 2), value)), path)
        assert len(list(tmp_path.iterdir())) == 2
        assert load_complex(path).features[0][0, 0] == value
    # A file of another is left alone.
    (tmp_path / "other.000000000000.safetensors").write_bytes(b"")
    save_complex(square(), path)
    assert {each.name for each in tmp_path.iterdir()} == {
        "c.json", "other.000000000000.safetensors",
    }  # fmt: skip
    written(tmp_path, {**SQUARE, "features": {"file": "other.000000000000.safetensors"}})
    save_complex(square(), path)
    assert (tmp_path / "other.000000000000.safetensors").exists()


@pytest.mark.parametrize("failing", [1, 2])
def test_a_disk_that_is_full_leaves_the_complex_that_was_there(failing, tmp_path, monkeypatch):
    path = tmp_path / "c.json"
    save_complex(square(r0=torch.ones(4, 2)), path)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    calls = 0

    def full(_handle):
        nonlocal calls
        calls += 1
        if calls >= failing * 2 - 1:  # a file is synced, and then its folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="free some space"):
        save_complex(square(r0=torch.zeros(4, 2)), path)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before
    assert load_complex(path).features[0].equal(torch.ones(4, 2))
