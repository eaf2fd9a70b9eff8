"""Files of runs."""

import pytest
import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.runs import Kept, load_run, save_run


@pytest.mark.parametrize("told", ["a" * n for n in range(0, 48, 5)])
def test_what_is_read_lies_where_products_are_rounded_as_before(told, tmp_path):
    # How a product is rounded may depend on where its factors begin in memory.
    tensors = {"a": torch.arange(3.0), "b": torch.randn(5, 7), "c": torch.ones(1, dtype=torch.int8)}
    save_run(tmp_path / "run", Kept(tensors, {"number": 3}), {"training": {"told": told}})
    found = load_run(tmp_path / "run", {"training": {"told": told}})
    assert found.progress == {"number": 3}
    assert all(torch.equal(found.tensors[name], tensors[name]) for name in tensors)
    assert all(tensor.data_ptr() % 64 == 0 for tensor in found.tensors.values())


def test_what_is_no_run_is_refused(tmp_path):
    save_run(tmp_path / "run", Kept({"a": torch.ones(2)}, {}), {"training": 1})
    with pytest.raises(MapError, match="other training settings"):
        load_run(tmp_path / "run", {"training": 2})
    with pytest.raises(MapError, match="other model settings"):
        load_run(tmp_path / "run", {"training": 1, "model": 1})
    with pytest.raises(MapError, match="cannot be read"):
        load_run(tmp_path / "none", {})
