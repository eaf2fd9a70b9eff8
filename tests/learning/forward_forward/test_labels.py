"""Labels in images, wrong ones, and images that are none."""

import pytest
import torch
from scipy.stats import chisquare

from unfrozen.errors import LearningError
from unfrozen.learning.forward_forward.labels import embed, hard, hybrids, neutral, one_hot, wrong


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_label_takes_the_first_features_and_no_other():
    images = torch.rand(3, 1, 4, 4, generator=_generator())
    written = embed(images, one_hot(torch.tensor([0, 2, 1]), 3, images))
    assert written.shape == images.shape
    assert written.flatten(1)[:, :3].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert torch.equal(written.flatten(1)[:, 3:], images.flatten(1)[:, 3:])
    told = embed(images, neutral(3, 3, images)).flatten(1)
    torch.testing.assert_close(told[:, :3].sum(1), torch.ones(3))
    with pytest.raises(LearningError, match="17 labels do not fit into 16 features"):
        embed(images, torch.zeros(3, 17))


def test_wrong_labels_are_all_others_as_often():
    classes = torch.full((9000,), 2)
    found = wrong(classes, 5, _generator())
    counts = found.bincount(minlength=5)
    assert counts[2] == 0
    assert chisquare(counts[[0, 1, 3, 4]]).pvalue > 0.001
    with pytest.raises(LearningError, match="one class alone"):
        wrong(classes, 1, _generator())


def test_hard_labels_come_as_often_as_the_classifier_would_err():
    logits = torch.tensor([1.0, 0.0, 3.0, -1.0]).repeat(20_000, 1)
    found = hard(torch.full((20_000,), 2), logits, _generator())
    odds = torch.tensor([1.0, 0.0, -1.0]).double().softmax(0)
    counts = found.bincount(minlength=4)
    assert counts[2] == 0
    assert chisquare(counts[[0, 1, 3]], 20_000 * odds.numpy()).pvalue > 0.001


def test_a_sure_classifier_still_leaves_a_wrong_label():
    logits = torch.tensor([[1e4, 0.0, 0.0]]).repeat(50, 1)
    assert set(hard(torch.zeros(50, dtype=torch.long), logits, _generator()).tolist()) == {1, 2}


def test_hybrids_take_each_pixel_from_one_of_two_images_in_blotches(unchecked):
    images = torch.rand(40, 28, 28, generator=_generator())
    found = hybrids(images, _generator(1))
    own, other = found == images, found == images.roll(1, 0)
    assert bool((own | other).all())
    assert 0.4 < float(own.double().mean()) < 0.6
    # Neighbours come from one image far more often than the half that chance gives.
    assert float((own[:, :, 1:] == own[:, :, :-1]).double().mean()) > 0.85
    channels = hybrids(images.view(20, 2, 28, 28), _generator(1))
    mask = (channels == images.view(20, 2, 28, 28)).double()
    assert torch.equal(mask[:, 0], mask[:, 1])
    for bad in (images[:1], images.flatten(1)):
        with pytest.raises(LearningError, match="two images or more"):
            hybrids(bad, _generator())
