"""Text written in rows of unlike lengths against rows written one by one."""

import pytest
import torch

from unfrozen.errors import ModelError
from unfrozen.language.generation import continue_rows

ROWS = [torch.tensor(r) for r in ([5, 250, 17], [9, 8, 7, 6, 250, 260], [42])]


@pytest.mark.parametrize(
    "tiny", ["gpt2", "gpt-neox", "gpt-j", "opt", "llama", "gemma2", "phi"], indirect=True
)
def test_greedy_rows_of_unlike_lengths_are_those_written_alone(tiny):
    together = continue_rows(tiny.model, ROWS, 8)
    for row, found in zip(ROWS, together, strict=True):
        expected = row[None]
        for _ in range(8):
            with torch.no_grad():
                logits = tiny.model(input_ids=expected, use_cache=False).logits
            expected = torch.cat([expected, logits[:, -1].argmax(-1, keepdim=True)], 1)
        assert found.tolist() == expected[0, len(row) :].tolist()


@pytest.mark.parametrize("top_k", [0, 5])
def test_samples_are_distributed_as_the_model_says(llama, top_k):
    n = 4000
    rows = [ROWS[0]] * n
    drawn = continue_rows(
        llama.model, rows, 1, generator=torch.Generator().manual_seed(0), top_k=top_k
    )[:, 0]
    with torch.no_grad():
        p = llama.model(input_ids=ROWS[0][None], use_cache=False).logits[0, -1].softmax(-1)
    if top_k:
        best = p.topk(top_k)
        p = torch.zeros_like(p).scatter(0, best.indices, best.values / best.values.sum())
    seen = torch.bincount(drawn, minlength=len(p)) / n
    assert bool((seen[p == 0] == 0).all())
    # Five standard deviations of a binomial, over all words at once.
    assert bool(((seen - p).abs() <= 5 * (p * (1 - p) / n).sqrt() + 1e-9).all())


def test_sampling_can_be_repeated_and_leaves_the_global_generator(llama):
    state = torch.random.get_rng_state()
    once, again, other = (
        continue_rows(llama.model, ROWS, 6, generator=torch.Generator().manual_seed(s), top_k=0)
        for s in (3, 3, 4)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_what_cannot_be_continued_is_refused(llama):
    with pytest.raises(ModelError, match="generator"):
        continue_rows(llama.model, ROWS, 1, top_k=5)
    with pytest.raises(ModelError, match="empty"):
        continue_rows(llama.model, [], 1)
    with pytest.raises(ModelError, match="empty"):
        continue_rows(llama.model, [torch.tensor([], dtype=torch.long)], 1)
    assert continue_rows(llama.model, ROWS, 0).shape == (3, 0)
