"""The TEM-transformer against attention, against exact structure, and against looking ahead."""

import math

import pytest
import torch
from torch.nn import functional as F

from unfrozen.errors import MapError
from unfrozen.hippocampus.tem_t import Correction, TemT, TemTSettings
from unfrozen.hippocampus.tem_t.files import load_model, save_model, trained
from unfrozen.hippocampus.training import draw_walks
from unfrozen.hippocampus.worlds import named, novelty
from unfrozen.memory.hopfield.modern import ModernHopfield, recall


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def model(seed=0, **more):
    return TemT(TemTSettings(n_actions=4, width=16, **more), generator(seed))


def grid_walks(walks=4, steps=60, seed=0, sizes=(5,)):
    return draw_walks(named("grid"), walks, steps, 45, generator(seed), sizes=sizes)


def exact(error=0.0, width=64, beta=60.0):
    """Planes that opposite actions turn by opposite angles, as squares demand, but for errors."""
    settings = TemTSettings(n_actions=4, width=width, positions="rotary", beta=beta)
    made = TemT(settings, generator())
    g = generator(1)
    east, north = 0.7 * torch.randn(2, width // 2, generator=g)
    angles = torch.stack([east, north, -east, -north])
    angles = angles + error * torch.randn(angles.shape, generator=g)
    made.positions.angles.data.copy_(angles)
    return made


KINDS = [
    {},
    {"activation": "relu"},
    {"positions": "rotary"},
    {"readout": "embedding"},
    {"log_n": True},
    {"norm": False},
    {"correction": Correction()},
]


def test_recall_is_attention_and_what_a_modern_hopfield_network_answers():
    g = generator(2)
    queries, keys = torch.randn(3, 5, 8, generator=g), torch.randn(3, 7, 8, generator=g)
    values = torch.randn(3, 7, 4, generator=g)
    allowed = torch.rand(3, 5, 7, generator=g) < 0.6
    allowed[:, :, 0] = True
    found = recall(queries, keys, values, 0.7, allowed).values
    attended = F.scaled_dot_product_attention(queries, keys, values, allowed, scale=0.7)
    torch.testing.assert_close(found, attended)
    memory = ModernHopfield(8, 4, beta=0.7)
    memory.write(keys[1], values[1])
    torch.testing.assert_close(
        recall(queries, keys, values, 0.7).values[1], memory.answer(queries[1])
    )


def test_a_query_that_may_take_nothing_takes_nothing():
    found = recall(
        torch.ones(1, 1, 2), torch.ones(1, 3, 2), torch.ones(1, 3, 2), 1.0,
        torch.zeros(1, 1, 3, dtype=torch.bool),
    )  # fmt: skip
    assert (found.weights == 0).all()
    assert (found.values == 0).all()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_log_probabilities_sum_to_one(kind):
    walks = grid_walks()
    logits = model(**kind)(walks.symbols, walks.actions).logits
    torch.testing.assert_close(logits.logsumexp(-1), torch.zeros(4, 60), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_nothing_is_foreseen_from_what_comes_later(kind):
    walks = grid_walks()
    made, now = model(**kind), 30
    whole = made(walks.symbols, walks.actions).logits
    symbols, actions = walks.symbols.clone(), walks.actions.clone()
    symbols[:, now:] = (symbols[:, now:] + 1) % 45
    actions[:, now + 1 :] = (actions[:, now + 1 :] + 1) % 4
    changed = made(symbols, actions).logits
    torch.testing.assert_close(changed[:, : now + 1], whole[:, : now + 1])
    assert not torch.allclose(changed[:, now + 1 :], whole[:, now + 1 :])


@pytest.mark.parametrize("kind", [k for k in KINDS if "readout" not in k], ids=str)
def test_symbols_have_no_meaning_of_their_own(kind):
    walks = grid_walks()
    made = model(**kind)
    swap = torch.randperm(45, generator=generator(3))
    logits = made(walks.symbols, walks.actions).logits
    swapped = made(swap[walks.symbols], walks.actions).logits
    torch.testing.assert_close(swapped[..., swap], logits)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_walks_do_not_know_of_one_another(kind):
    walks = grid_walks()
    made = model(**kind)
    whole = made(walks.symbols, walks.actions).logits
    alone = made(walks.symbols[2:3], walks.actions[2:3]).logits
    torch.testing.assert_close(alone[0], whole[2], atol=1e-5, rtol=1e-4)


def test_exact_structure_foresees_every_known_place():
    walks = draw_walks(named("grid"), 6, 400, 45, generator(4), sizes=(15,))
    made = exact()
    right = made(walks.symbols, walks.actions).logits.argmax(-1) == walks.symbols
    assert right[novelty(walks).known].all()


def test_landmarks_correct_a_code_that_drifts():
    walks = draw_walks(named("grid"), 6, 600, 45, generator(4), sizes=(12,))
    made, new = exact(error=0.01), novelty(walks)

    def last(correction):
        right = made(walks.symbols, walks.actions, correction).logits.argmax(-1) == walks.symbols
        return right[:, -150:][new.known[:, -150:]].double().mean().item()

    assert last(None) < 0.9
    assert last(Correction()) > 0.97


def test_landmarks_are_as_sharp_as_the_model_by_default():
    walks, made = grid_walks(), model()
    same = Correction(beta=made.log_beta.exp().item())
    for_itself, told, other = (
        made(walks.symbols, walks.actions, correction).logits
        for correction in (Correction(), same, Correction(beta=300.0))
    )
    torch.testing.assert_close(for_itself, told)
    assert not torch.allclose(for_itself, other, atol=1e-3)


def test_a_correction_of_rate_nought_changes_nothing():
    walks = grid_walks()
    made = model()
    plain = made(walks.symbols, walks.actions).logits
    idle = made(walks.symbols, walks.actions, Correction(rate=0.0)).logits
    torch.testing.assert_close(idle, plain, atol=1e-4, rtol=1e-3)


def test_the_loss_is_the_mean_surprise_at_known_places():
    walks = grid_walks()
    made, new = model(), novelty(walks)
    found = made(walks.symbols, walks.actions)
    chances = found.logits.exp().gather(2, walks.symbols[..., None])[..., 0]
    wanted = -chances[new.known].log().mean()
    torch.testing.assert_close(made.loss(found, walks.symbols, new.known), wanted)
    costly = model(activity_cost=0.5)
    more = costly.loss(found, walks.symbols, new.known) - wanted
    torch.testing.assert_close(more, 0.5 * found.codes.abs().mean())


def test_beta_scales_with_the_logarithm_of_the_number_of_memories():
    walks = grid_walks()
    plain, scaled = model(), model(log_n=True)
    one = plain(walks.symbols, walks.actions).weights[:, 20, :20].clamp(min=1e-30).log()
    other = scaled(walks.symbols, walks.actions).weights[:, 20, :20].clamp(min=1e-30).log()
    spread = (other.amax(1) - other.amin(1)) / (one.amax(1) - one.amin(1))
    torch.testing.assert_close(
        spread, torch.full_like(spread, math.log(20 + math.e)), atol=1e-2, rtol=1e-3
    )


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_saved_model_foresees_the_same(kind, tmp_path):
    walks = grid_walks()
    made = model(**kind)
    save_model(made, tmp_path / "model.safetensors", "a test")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.settings == made.settings
    assert torch.equal(
        loaded(walks.symbols, walks.actions).logits, made(walks.symbols, walks.actions).logits
    )


def test_files_that_are_no_model_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(MapError, match="cannot be read"):
        load_model(path)
    path.write_bytes(b"nothing")
    with pytest.raises(MapError, match="cannot be read"):
        load_model(path)
    ModernHopfield(2).save(path)
    with pytest.raises(MapError, match="no TEM-transformer"):
        load_model(path)


def test_a_model_can_be_made_on_another_device():
    with torch.device("meta"):
        made = TemT(TemTSettings(n_actions=4, width=16))
    assert made.log_beta.is_meta
    symbols = torch.zeros(2, 5, dtype=torch.long, device="meta")
    assert made(symbols, symbols).logits.shape == (2, 5, 45)


def test_what_makes_no_sense_is_refused(unchecked):
    made, walks = model(), grid_walks()
    with pytest.raises(MapError, match="alike"):
        made(walks.symbols, walks.actions[:, :3])
    with pytest.raises(MapError, match="below 45"):
        made(walks.symbols + 45, walks.actions)
    with pytest.raises(MapError, match="below 4"):
        made(walks.symbols, walks.actions + 4)
    with pytest.raises(MapError, match="pointer or embedding"):
        model(readout="other")
    with pytest.raises(MapError, match="free or rotary"):
        model(positions="other")
    with pytest.raises(MapError, match="beta"):
        model(beta=0.0)
    with pytest.raises(MapError, match="several symbols"):
        TemT(TemTSettings(4, n_symbols=1))


def test_models_are_made_and_read_without_the_global_generator(tmp_path):
    before = torch.get_rng_state()
    trained("grid")
    for more in ({"readout": "embedding"}, {"landmarks": True}, {"positions": "rotary"}):
        save_model(model(**more), tmp_path / "model.safetensors")
        load_model(tmp_path / "model.safetensors")
    assert torch.equal(torch.get_rng_state(), before)
