"""Sets of images against what is published of them, and files that are not what they should be."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from unfrozen.data import images as module
from unfrozen.data.images import images, white
from unfrozen.errors import DataError


def test_mnist_is_as_published():
    found = images("mnist")
    assert found.train.shape == (60_000, 28, 28)
    assert found.test.shape == (10_000, 28, 28)
    assert found.train_classes[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert found.test_classes[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert found.train_classes.bincount().tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    # The mean and deviation that everybody divides by.
    grey = found.train.double() / white("mnist")
    assert float(grey.mean()) == pytest.approx(0.1307, abs=1e-4)
    assert float(grey.std()) == pytest.approx(0.3081, abs=1e-4)


def test_small_digits_are_those_of_scikit_learn():
    found, theirs = images("digits"), load_digits()
    both = torch.cat([found.train, found.test])
    np.testing.assert_array_equal(both.numpy(), theirs["images"])
    classes = torch.cat([found.train_classes, found.test_classes])
    np.testing.assert_array_equal(classes.numpy(), theirs["target"])
    assert int(both.max()) == white("digits")


def test_a_set_that_is_not_there_is_refused():
    with pytest.raises(DataError, match=r"no set of images 'cats': there are mnist"):
        images("cats")


def _fashion(folder: Path, size: int = 3) -> dict[str, str]:
    """Files in the form of the set, and the hashes that they would have to have."""
    from hashlib import sha256

    hashes = {}
    for name in module._FASHION_FILES:
        shape = (size, 28, 28) if "images" in name else (size,)
        head = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
        content = head + bytes(i % 10 for i in range(int(np.prod(shape))))
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        hashes[name] = sha256(content).hexdigest()
    return hashes


def test_fashion_is_read_from_files_that_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path))
    (folder := tmp_path / "fashion-mnist").mkdir()
    monkeypatch.setattr(module, "_FASHION_FILES", _fashion(folder))
    found = module._fashion()
    assert found.train.shape == (3, 28, 28)
    assert found.train.dtype == torch.uint8
    assert found.test_classes.tolist() == [0, 1, 2]
    assert found.train.flatten()[:12].tolist() == [*range(10), 0, 1]
    # Once read, the files are not needed any more.
    for file in folder.iterdir():
        file.unlink()
    assert torch.equal(module._fashion().train, found.train)


def test_another_file_is_not_taken_for_fashion(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path))
    (folder := tmp_path / "fashion-mnist").mkdir()
    _fashion(folder)
    with pytest.raises(DataError, match="is not the file of Fashion-MNIST"):
        module._fashion()


def test_where_fashion_cannot_be_had_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_INSTALLED", tmp_path / "nowhere")
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(DataError, match=r"there is no apt-get.*put the four files"):
        module._fashion()


def test_a_pickle_that_calls_anything_is_refused(tmp_path):
    class Bad:
        def __reduce__(self):
            return print, ("called",)

    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(Bad())))
    with pytest.raises(DataError, match="which no array does"):
        module._unpickled(path)


@pytest.mark.parametrize(
    "content",
    [b"no", gzip.compress(b"no"), gzip.compress(b"")],
    # A packed file holds the time of its packing, so two workers would name these differently.
    ids=["not-packed", "not-a-pickle", "empty"],
)
def test_a_damaged_file_is_told(tmp_path, content):
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot read"):
        module._unpickled(path)


def test_a_damaged_copy_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x.safetensors").write_bytes(b"broken")
    small = images("digits")
    assert module._kept("x", lambda: small) is small
    again = module._kept("x", lambda: pytest.fail("it was kept"))
    assert torch.equal(again.train, small.train)
