"""Models as files: the same to the bit, and others refused."""

import json
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import save_file
from tests.world.jepa.test_model import FORMS, batch

from unfrozen.errors import WorldError
from unfrozen.world.jepa import Jepa, load_model, save_model, told_of


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_model_comes_back_to_the_bit(form, dtype, tmp_path):
    path = tmp_path / "model.safetensors"
    model = Jepa(FORMS[form], torch.Generator().manual_seed(4)).to(dtype).eval()
    save_model(model, path, {"steps": 3, "verdict": "sound"})
    again = load_model(path)
    assert again.settings == model.settings
    assert told_of(path) == {"steps": 3, "verdict": "sound"}
    windows = batch(FORMS[form])
    one, other = (m._latents(windows) for m in (model, again))
    assert torch.equal(one, other)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(WorldError, match="cannot be read as a JEPA"):
        load_model(path)
    model = Jepa(FORMS["plain"])
    settings = asdict(model.settings)
    for told, match in (
        ({"kind": "tem", "format": "1"}, "is no JEPA"),
        ({"kind": "jepa", "format": "1"}, "does not fit"),
        ({"settings": json.dumps({**settings, "depth": 3})}, r"unknown settings \['depth'\]"),
        ({"settings": json.dumps({**settings, "width": 9})}, "does not fit a JEPA"),
        ({"settings": json.dumps({**settings, "norm": "group"})}, "no norm 'group'"),
    ):
        save_file(model.state_dict(), path, {"kind": "jepa", "format": "1", **told})
        with pytest.raises(WorldError, match=match):
            load_model(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(WorldError, match="cannot be read"):
        load_model(path)
