"""Learnt landmarks against the same written with lists, and what they tell in a family."""

import pytest
import torch

from unfrozen.hippocampus.accuracy import accuracy
from unfrozen.hippocampus.observer import observe
from unfrozen.hippocampus.tem_t import TemT, TemTSettings, load_model, save_model
from unfrozen.hippocampus.tem_t.history import History
from unfrozen.hippocampus.tem_t.landmarks import Landmarks
from unfrozen.hippocampus.training import draw_walks
from unfrozen.hippocampus.worlds import named, novelty


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def model(seed=0, **more):
    settings = TemTSettings(n_actions=10, width=12, landmarks=True, **more)
    made = TemT(settings, generator(seed)).double()
    # Away from where they begin, so that nothing is zero by chance.
    for parameter in made.landmarks.parameters():
        noise = torch.randn(parameter.shape, generator=generator(seed + 1), dtype=torch.double)
        parameter.data.add_(0.1 * noise)
    return made


def walks(number=3, steps=12, seed=0):
    return draw_walks(named("family"), number, steps, 45, generator(seed), sizes=(3,))


def by_lists(made, symbols, actions):
    """Codes before and after landmarks, every memory a list, every sum written out."""
    landmarks, positions = made.landmarks, made.positions
    b, t = symbols.shape
    codes, asked, after = positions.start(b), [], []
    for now in range(t):
        codes = positions.step(codes, actions[:, now])
        asked.append(codes)
        if now:
            rows = []
            for i in range(b):
                e, key = codes[i], landmarks.key(codes[i : i + 1])[0]
                beta = landmarks.log_beta.exp()
                found = [beta * (landmarks.key(c[i : i + 1])[0] @ key) for c in after]
                same = [bool(symbols[i, s] == symbols[i, now]) for s in range(now)]
                alike = landmarks.null.exp() + sum(
                    f.exp() for f, is_same in zip(found, same, strict=True) if is_same
                )
                every = landmarks.null.exp() + sum(f.exp() for f in found)
                shares = [
                    (f.exp() / (alike if is_same else every), is_same, memory[i])
                    for memory, f, is_same in zip(after, found, same, strict=True)
                ]
                drawn = [sum(p * m for p, s, m in shares if s is w) for w in (True, False)]
                some = [sum(p for p, s, _ in shares if s is w) for w in (True, False)]
                drawn = [d if isinstance(d, torch.Tensor) else torch.zeros_like(e) for d in drawn]
                some = [torch.as_tensor(s, dtype=e.dtype) for s in some]
                hidden = torch.cat([e, *drawn, torch.stack(some)]) @ landmarks.reads
                c = e + drawn[0] - some[0] * e + hidden.relu() @ landmarks.moves
                rows.append(c)
            codes = positions.settle(torch.stack(rows))
        after.append(codes)
    return torch.stack(asked, 1), torch.stack(after, 1)


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_codes_and_gradients_are_those_of_sums_written_out(activation):
    made, path = model(activation=activation), walks()
    before = torch.ones(12, 12, dtype=torch.bool).tril(-1).expand(3, 12, 12)
    results = []
    for way in ("ours", "lists"):
        made.zero_grad()
        if way == "ours":
            found = made(path.symbols, path.actions)
        else:
            found = made.foresee(*by_lists(made, path.symbols, path.actions), path.symbols, before)
        made.loss(found, path.symbols, novelty(path).known).backward()
        results.append([found.logits.detach(), *(p.grad for p in made.parameters())])
    for ours, lists in zip(*results, strict=True):
        torch.testing.assert_close(ours, lists, rtol=1e-8, atol=1e-10)
        assert ours.abs().max() > 0


def test_a_history_differentiates_like_stacks_of_what_was_written():
    vectors = torch.randn(5, 2, 3, dtype=torch.double, generator=generator(1))

    def run(start, weights, kept):
        history, past, keys = History(start, 5, mixtures=2), [], []
        state, total = start, start.new_zeros(())
        for vector in vectors:
            state = (state + vector).tanh()
            if kept:
                state = history.write(state, state * 2)
            else:
                past.append(state)
                keys.append(state * 2)
            if kept:
                scores = history.scores(state @ weights)
            else:
                scores = (torch.stack(keys, 1) @ (state @ weights)[:, :, None])[..., 0]
            each = torch.stack([scores.softmax(1), scores.sigmoid()], 1)
            mixed = history.mix(each) if kept else each @ torch.stack(past, 1)
            state = state + mixed.sum(1) * 0.3
            total = total + (mixed[:, 0] * mixed[:, 1]).sum() + scores.square().sum()
        return total, state

    start = torch.randn(2, 3, dtype=torch.double, generator=generator(2)).requires_grad_()
    weights = torch.randn(3, 3, dtype=torch.double, generator=generator(3)).requires_grad_()
    found = []
    for kept in (True, False):
        total, state = run(start, weights, kept)
        found.append(torch.autograd.grad(total + state.sum(), [start, weights]))
    torch.testing.assert_close(found[0], found[1])
    assert torch.autograd.gradcheck(lambda s, w: run(s, w, True), (start, weights))


def test_it_does_not_look_ahead():
    made, path = model(), walks()
    found = made(path.symbols, path.actions).logits
    later = path.symbols.clone()
    later[:, 8:] = (later[:, 8:] + 1) % 45
    other = made(later, path.actions).logits
    torch.testing.assert_close(found[:, :9], other[:, :9])
    assert not torch.allclose(found[:, 9:], other[:, 9:])


def test_a_symbol_seen_before_takes_the_code_there():
    # As they begin, with a sharp memory: the code becomes that of where the symbol was seen.
    landmarks = Landmarks(4).double()
    landmarks.log_beta.data.fill_(7.0)
    landmarks.null.data.fill_(-1000.0)
    memories = History(torch.zeros(1, 4, dtype=torch.double), 2, mixtures=2)
    first = torch.tensor([[1.0, 0.0, 2.0, 0.0]], dtype=torch.double)
    second = torch.tensor([[0.0, 1.0, 0.0, 2.0]], dtype=torch.double)
    for code in (first, second):
        memories.write(code, landmarks.key(code))
    here = torch.tensor([[0.5, 0.4, 1.0, 1.1]], dtype=torch.double)
    drawn = landmarks(here, memories, torch.tensor([[False, True]]))
    torch.testing.assert_close(drawn, second)
    none = landmarks(here, memories, torch.tensor([[False, False]]))
    torch.testing.assert_close(none, here)


def test_it_trains_on_codes_of_either_kind_and_comes_back_from_its_file(tmp_path):
    for positions in ("free", "rotary"):
        made = model(positions=positions).float()
        path = walks()
        found = made(path.symbols, path.actions)
        made.loss(found, path.symbols, novelty(path).known).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in made.parameters())
        save_model(made, tmp_path / "model.safetensors")
        again = load_model(tmp_path / "model.safetensors")
        torch.testing.assert_close(again(path.symbols, path.actions).logits, found.logits)


def test_it_runs_where_nothing_is_computed():
    path = walks()
    with torch.device("meta"):
        made = TemT(TemTSettings(n_actions=10, width=12, landmarks=True))
    found = made(path.symbols.to("meta"), path.actions.to("meta"))
    assert found.logits.is_meta
    assert found.logits.shape == (3, 12, 45)


def test_nobody_foresees_family_trees_from_actions_alone_as_an_observer_that_sees():
    family = named("family")
    path = draw_walks(family, 24, 100, 45, generator(5))
    worlds, new = [family.make(n, generator()) for n in family.sizes], novelty(path)
    seen, blind = (
        accuracy(observe(path, worlds, 45, sees=sees).argmax(-1) == path.symbols, new).zero_shot
        for sees in (True, False)
    )
    assert blind < seen - 0.01
