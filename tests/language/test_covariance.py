import pytest
import torch

from unfrozen.errors import DataError, ModelError
from unfrozen.language.covariance import Corpus, SelfGenerated, TextCorpus, second_moments

some = pytest.mark.parametrize("tiny", ["gpt2", "gpt-neox", "llama"], indirect=True)


class Rows:
    """A corpus of random rows, which notes from where it was read."""

    def __init__(self, batches=4, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.rows = torch.randint(300, (batches, 3, 8), generator=generator)
        self.name = f"random rows {seed}"
        self.starts, self.given = [], 0

    def batches(self, lm, start):
        self.starts.append(start)
        for batch in self.rows[start:]:
            self.given += 1
            yield batch


class Unreadable(Rows):
    """The same corpus by its name, of which nothing is left to read."""

    def batches(self, lm, start):
        raise AssertionError("the corpus is read")


def direct(tiny, ids, layer):
    """K^T K / n over what a plain pass puts into the down-projection."""
    seen = []
    handle = tiny.module("mlp", layer).register_forward_pre_hook(lambda m, args: seen.append(args))
    with torch.no_grad():
        tiny.model(input_ids=ids, use_cache=False)
    handle.remove()
    keys = seen[0][0].reshape(-1, tiny.lm.sites.key_width).double()
    return keys.T @ keys / len(keys)


@some
def test_it_is_the_mean_outer_product_of_the_keys(tiny, tmp_path):
    corpus = Rows()
    assert isinstance(corpus, Corpus)
    found = second_moments(tiny.lm, [2, 0], 96, corpus, folder=tmp_path)
    assert sorted(found) == [0, 2]
    for layer, moment in found.items():
        expected = direct(tiny, corpus.rows.reshape(12, 8), layer)
        assert moment.count == 96
        assert torch.allclose(moment.matrix, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found[0].matrix, found[2].matrix, atol=1e-2)


def test_it_ends_with_the_batch_that_has_enough_tokens(llama, tmp_path):
    corpus = Rows()
    moment = second_moments(llama.lm, [1], 25, corpus, folder=tmp_path)[1]
    assert (moment.count, corpus.given) == (48, 2)
    expected = direct(llama, corpus.rows[:2].reshape(6, 8), 1)
    assert torch.allclose(moment.matrix, expected, rtol=1e-4, atol=1e-5)


def test_a_corpus_that_ends_before_gives_what_it_has(llama, tmp_path):
    assert second_moments(llama.lm, [1], 10**6, Rows(), folder=tmp_path)[1].count == 96


def test_layers_above_the_last_are_not_run(llama, tmp_path):
    ran = set()
    handles = [
        llama.module("state", j).register_forward_pre_hook(lambda m, a, j=j: ran.add(j))
        for j in range(3)
    ]
    second_moments(llama.lm, [0, 1], 24, Rows(), folder=tmp_path)
    for handle in handles:
        handle.remove()
    assert 2 not in ran
    assert 0 in ran


def test_progress_goes_from_nothing_to_what_was_wanted(llama, tmp_path):
    told = []
    second_moments(
        llama.lm, [0], 60, Rows(), progress=lambda *done: told.append(done), folder=tmp_path
    )
    assert told == [(0, 60), (24, 60), (48, 60), (60, 60)]


# ------------------------------------------------------------------------------------------ cache


def test_what_is_cached_is_not_computed_again(llama, tmp_path):
    first = second_moments(llama.lm, [0, 1], 48, Rows(), folder=tmp_path)
    again = second_moments(llama.lm, [1, 0], 48, Unreadable(), folder=tmp_path)
    for layer in (0, 1):
        assert torch.equal(again[layer].matrix, first[layer].matrix)
        assert again[layer].count == first[layer].count
    assert len(list(tmp_path.iterdir())) == 2


def test_only_missing_layers_are_computed(llama, tmp_path):
    first = second_moments(llama.lm, [0], 48, Rows(), folder=tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    both = second_moments(llama.lm, [0, 2], 48, Rows(), folder=tmp_path)
    assert torch.equal(both[0].matrix, first[0].matrix)
    assert all(p.stat().st_mtime_ns == time for p, time in before.items())
    assert torch.equal(
        both[2].matrix, second_moments(llama.lm, [2], 48, Rows(), folder=tmp_path / "x")[2].matrix
    )


def test_other_text_layers_lengths_and_weights_have_places_of_their_own(llama, tmp_path):
    def files(layers=(0,), tokens=24, seed=0):
        second_moments(llama.lm, layers, tokens, Rows(seed=seed), folder=tmp_path)
        return len(list(tmp_path.iterdir()))

    assert [files(), files(seed=1), files((1,)), files(tokens=48), files()] == [1, 2, 3, 4, 4]
    name = llama.lm.down_projection(2).parameter_name
    with llama.lm.edited({name: torch.ones(32, 48)}):
        assert files() == 5
    assert files() == 5


def test_the_cache_folder_is_the_default_place(llama, tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path))
    second_moments(llama.lm, [0], 24, Rows())
    assert len(list((tmp_path / "second-moments").iterdir())) == 1
    second_moments(llama.lm, [0], 24, Unreadable())


# ----------------------------------------------------------------------------------- interruption


class Interruption(Exception):  # noqa: N818
    pass


def interrupted(tiny, layers, corpus, folder, after):
    """Stop at the progress call of a number; the partial file that it leaves, if any."""
    calls = []

    def progress(done, wanted):
        calls.append(done)
        if len(calls) > after:
            raise Interruption

    with pytest.raises(Interruption):
        second_moments(tiny.lm, layers, 96, corpus, progress=progress, folder=folder)
    left = list(folder.iterdir()) if folder.exists() else []
    assert all(".partial." in p.name for p in left)
    return left


@some
@pytest.mark.parametrize("after", [0, 1, 3])
def test_what_was_interrupted_goes_on_to_the_same_bits(tiny, tmp_path, after):
    whole = second_moments(tiny.lm, [0, 1], 96, Rows(), folder=tmp_path / "whole")
    corpus = Rows()
    left = interrupted(tiny, [0, 1], corpus, tmp_path / "parts", after)
    assert len(left) == bool(after)
    resumed = second_moments(tiny.lm, [0, 1], 96, corpus, folder=tmp_path / "parts")
    # No batch was computed twice.
    assert corpus.starts[-1] == after
    for layer, moment in whole.items():
        assert torch.equal(resumed[layer].matrix, moment.matrix)
        assert resumed[layer].count == moment.count
    assert not any(".partial." in p.name for p in (tmp_path / "parts").iterdir())


def test_text_that_the_model_writes_is_resumed_to_the_same_bits(llama):
    corpus = SelfGenerated(length=4)
    whole, late = corpus.batches(llama.lm, 0), corpus.batches(llama.lm, 2)
    for _ in range(2):
        next(whole)
    assert torch.equal(next(late), next(whole))


@pytest.mark.parametrize("damage", ["junk", "cut", "empty"])
def test_a_damaged_part_costs_a_restart_and_nothing_else(llama, tmp_path, damage):
    corpus = Rows()
    (partial,) = interrupted(llama, [0, 1], corpus, tmp_path, 2)
    data = partial.read_bytes()
    partial.write_bytes({"junk": b"x" * 400, "cut": data[: len(data) // 2], "empty": b""}[damage])
    found = second_moments(llama.lm, [0, 1], 96, corpus, folder=tmp_path)
    assert corpus.starts == [0, 0]
    whole = second_moments(llama.lm, [0, 1], 96, Rows(), folder=tmp_path / "whole")
    for layer in (0, 1):
        assert torch.equal(found[layer].matrix, whole[layer].matrix)


def test_a_part_that_lacks_a_layer_is_not_half_used(llama, tmp_path):
    from safetensors.torch import load_file, save_file

    corpus = Rows()
    (partial,) = interrupted(llama, [0, 1], corpus, tmp_path, 2)
    state = load_file(partial)
    del state["1"]
    save_file(state, partial)
    found = second_moments(llama.lm, [0, 1], 96, corpus, folder=tmp_path)
    expected = direct(llama, corpus.rows.reshape(12, 8), 0)
    assert torch.allclose(found[0].matrix, expected, rtol=1e-4, atol=1e-5)
    assert found[0].count == found[1].count == 96


# ------------------------------------------------------------------------------------------- text


def test_the_model_writes_its_own_text(llama):
    corpus = SelfGenerated(seed=3, length=4)
    state = torch.get_rng_state()
    batches = corpus.batches(llama.lm, 0)
    batch, second = next(batches), next(batches)
    assert torch.equal(torch.get_rng_state(), state)
    assert batch.shape == (2048, 4)
    assert not torch.equal(batch[:, 1:], second[:, 1:])
    assert torch.equal(next(SelfGenerated(3, 4).batches(llama.lm, 0)), batch)
    assert not torch.equal(next(SelfGenerated(4, 4).batches(llama.lm, 0)), batch)
    # What it writes is as frequent as the model says: the second token after one opening.
    start = int(batch[0, 0])
    after = batch[batch[:, 0] == start, 1]
    with torch.no_grad():
        p = llama.model(input_ids=torch.tensor([[start]])).logits[0, -1].softmax(-1)
    counts = torch.bincount(after, minlength=300)
    assert len(after) > 50
    assert float((counts / len(after) - p).abs().max()) < 5 * (0.25 / len(after)) ** 0.5


def test_text_files_are_read_whole_and_in_order(llama, tmp_path, tokenizer):
    texts = ["The city of Paris. " * 900, "Rome, Rome! " * 1700]
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text(texts[0])
    (tmp_path / "sub" / "b.md").write_text(texts[1])
    (tmp_path / "sub" / "c.bin").write_bytes(b"\x00\x01 not text")
    corpus = TextCorpus([tmp_path], length=16)
    batches = list(corpus.batches(llama.lm, 0))
    tokens = [i for text in texts for i in tokenizer(text)["input_ids"]]
    whole = len(tokens) // 16 * 16
    assert torch.cat([b.flatten() for b in batches]).tolist() == tokens[:whole]
    assert len(batches) > 1
    assert all(batch.shape[1] == 16 for batch in batches)
    for start in range(len(batches) + 1):
        late = list(corpus.batches(llama.lm, start))
        assert len(late) == len(batches) - start
        assert all(torch.equal(a, b) for a, b in zip(late, batches[start:], strict=True))


def test_a_file_given_by_name_is_text_whatever_it_is_called(llama, tmp_path):
    (tmp_path / "notes").write_text("The city of Rome " * 10)
    (batch,) = TextCorpus([tmp_path / "notes"], length=8).batches(llama.lm, 0)
    assert batch.shape[1] == 8


def test_a_corpus_is_named_by_its_content(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.txt").write_text("one")
    (tmp_path / "c.txt").write_text("two")

    def name(*files, length=16):
        return TextCorpus([tmp_path / f for f in files], length).name

    assert name("a.txt") == name("b.txt")
    different = [name("a.txt"), name("c.txt"), name("a.txt", "c.txt"), name("c.txt", "a.txt")]
    different += [name("a.txt", length=17), name("a.txt", "b.txt")]
    different += [SelfGenerated(s, n).name for s, n in ((0, 64), (1, 64), (0, 32))]
    assert len(set(different)) == len(different)


# ----------------------------------------------------------------------------------------- errors


def test_text_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no text at .*nowhere"):
        TextCorpus([tmp_path / "nowhere"])
    with pytest.raises(DataError, match=r"no \.txt, \.md or \.rst file in"):
        TextCorpus([tmp_path])


def test_text_too_short_for_a_row_is_an_error(llama, tmp_path):
    (tmp_path / "a.txt").write_text("Rome")
    with pytest.raises(DataError, match="no row of text long enough"):
        second_moments(llama.lm, [0], 10, TextCorpus([tmp_path]), folder=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))


@pytest.mark.parametrize("tokens", [0, -5])
def test_no_tokens_are_an_error(llama, tmp_path, tokens):
    with pytest.raises(DataError, match="at least one token"):
        second_moments(llama.lm, [0], tokens, Rows(), folder=tmp_path)


def test_a_layer_that_is_not_there_is_an_error(llama, tmp_path):
    with pytest.raises(ModelError, match="layers 0 to 2, not 3"):
        second_moments(llama.lm, [0, 3], 10, Rows(), folder=tmp_path)
