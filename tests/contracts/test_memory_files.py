"""What the file of every associative memory must satisfy."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tests.contracts.members import F64, K, same

from unfrozen.errors import DataError
from unfrozen.memory import AssociativeMemory


@pytest.mark.parametrize("dtype", [F64, torch.float32, torch.bfloat16])
def test_a_file_gives_back_the_same_memory(make, dtype, tmp_path):
    memory = make(dtype)
    memory.forget(memory.write(*make.pairs(0, dtype=dtype)))
    memory.write(*make.pairs(1, dtype=dtype))
    path = tmp_path / "folder" / "memory.safetensors"
    memory.save(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    for again in (AssociativeMemory.load(path), type(memory).load(path)):
        assert type(again) is type(memory)
        assert again.settings == memory.settings
        assert same(again.state_dict(), memory.state_dict())
        assert again.written_keys.dtype == dtype
        again.write(*make.pairs(2, dtype=dtype))
        again.forget(again.ids[0])
    memory.write(*make.pairs(2, dtype=dtype))
    memory.forget(memory.ids[0])
    assert same(again.state_dict(), memory.state_dict())


def test_saving_over_a_file_replaces_it(make, tmp_path):
    memory = make(F64)
    memory.save(tmp_path / "m")
    memory.write(*make.pairs(0))
    memory.save(tmp_path / "m")
    assert same(AssociativeMemory.load(tmp_path / "m").state_dict(), memory.state_dict())


def test_a_file_that_is_not_this_memory_is_refused(make, tmp_path):
    class Stranger(AssociativeMemory):
        settings = property(lambda self: {})

        def _reset(self) -> None: ...

        def _learn(self, keys, values, earlier_keys) -> None: ...

        def read(self, queries):
            return queries

    path = tmp_path / "m.safetensors"
    memory = make(F64)
    memory.write(*make.pairs(0))
    memory.save(path)
    whole = path.read_bytes()
    with pytest.raises(DataError, match=f"holds a {type(memory).__name__}, not a Stranger"):
        Stranger.load(path)
    with pytest.raises(DataError, match="cannot be read"):
        AssociativeMemory.load(tmp_path / "nowhere")
    for cut in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match="cannot be read"):
            AssociativeMemory.load(path)

    path.write_bytes(whole)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def refused(match: str, change: dict[str, torch.Tensor], **meta: str) -> None:
        save_file({**tensors, **change}, path, {**metadata, **meta})
        with pytest.raises(DataError, match=match) as caught:
            AssociativeMemory.load(path)
        assert "\n" not in str(caught.value)

    wider = {**json.loads(metadata["settings"]), "key_width": K + 1}
    refused("not a memory of format 1", {}, format="2")
    refused("not a memory of format 1", {}, kind="something")
    refused("holds a Nothing", {}, **{"class": "Nothing"})
    refused("does not fit", {}, **{"class": "LinearMemory"})
    refused("does not fit", {}, settings=json.dumps(wider))
    refused("does not fit", {}, settings='{"unheard": 1}')
    refused("does not fit", {}, settings="{")
    refused("does not fit", {}, dtype="int7")
    refused("does not fit", {"written_ids": tensors["written_ids"][:1]})
    refused("does not fit", {"written_ids": tensors["written_ids"] + 5})
    refused("does not fit", {"stranger": torch.zeros(1)})
