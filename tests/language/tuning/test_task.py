"""Examples and tasks: against the model's own log-probabilities, one text at a time."""

import json

import pytest
import torch
from sklearn.metrics import f1_score
from torch.utils.flop_counter import FlopCounterMode

from unfrozen.errors import DataError, ModelError
from unfrozen.language.model import LanguageModel
from unfrozen.language.tuning import Example, Task, read_examples
from unfrozen.language.tuning.prefix import parameters, prefix_of
from unfrozen.learning.zeroth_order import MeZO

WORDS = (" great", " terrible")
CLASSES = [
    Example("A film to be seen. It was", " great", WORDS),
    Example("Dull. It was", " terrible", WORDS),
    Example("What a waste of an evening with these actors. It was", " terrible", WORDS),
    Example("Good. It was", " great", WORDS),
    Example("Such fun. It was", " great", WORDS),
]
LONGER = (" a joy to watch", " no good at all")
SENTENCES = [Example(e.prompt, LONGER[e.choices.index(e.completion)], LONGER) for e in CLASSES]
FREE = [Example(e.prompt, e.completion) for e in SENTENCES]


@pytest.fixture
def lm(real):
    return real


def alone(lm, prompt, text):
    """Log-probability of a text, read without anything beside it."""
    before = lm.encode(prompt)
    said = torch.tensor([lm.tokenizer(text, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        logits = lm.model(torch.cat([before, said], 1)).logits[0].log_softmax(-1)
    at = range(before.shape[1] - 1, before.shape[1] + said.shape[1] - 1)
    return sum(float(logits[place, token]) for place, token in zip(at, said[0], strict=True))


@pytest.mark.parametrize("examples", [CLASSES, SENTENCES, FREE], ids=["words", "texts", "free"])
def test_scores_are_those_of_each_text_alone(examples, lm):
    task = Task(lm, examples)
    assert task.single == (examples is CLASSES)
    expected = [[alone(lm, e.prompt, c) for c in e.choices or (e.completion,)] for e in examples]
    found = task.scores(range(len(examples)))
    torch.testing.assert_close(found, torch.tensor(expected), atol=2e-4, rtol=1e-4)


def test_every_family_of_models_is_read(tiny):
    for examples in (SENTENCES[:3], FREE[:3]):
        lm = tiny.lm
        expected = [
            [alone(lm, e.prompt, c) for c in e.choices or (e.completion,)] for e in examples
        ]
        found = Task(lm, examples).scores(range(3))
        torch.testing.assert_close(found, torch.tensor(expected), atol=2e-3, rtol=1e-3)


def test_every_family_goes_on_from_what_lies_below(tiny):
    for examples in (CLASSES[:3], FREE[:3]):
        upper = Task(tiny.lm, examples, first=1).scores(range(3))
        whole = Task(tiny.lm, examples).scores(range(3))
        torch.testing.assert_close(upper, whole, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("examples", [CLASSES, SENTENCES, FREE], ids=["words", "texts", "free"])
def test_what_lies_below_is_read_once_and_says_the_same(examples, tiny_folder, monkeypatch):
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    whole, upper = Task(lm, examples), Task(lm, examples, first=1)
    passes = []
    run = lm.run
    monkeypatch.setattr(lm, "run", lambda ids, **kw: passes.append(len(ids)) or run(ids, **kw))
    for which in (range(5), [3, 1], range(5)):
        torch.testing.assert_close(upper.scores(which), whole.scores(which), atol=1e-4, rtol=1e-4)
    texts = sum(len(e.choices) or 1 for e in examples)
    assert len(passes) == sum(passes) == (5 if upper.single else texts)
    with pytest.raises(ModelError, match=f"layers 0 to {lm.n_layers - 1}"):
        Task(lm, examples, first=lm.n_layers)


def test_the_loss_is_the_surprise_among_choices_or_a_token(lm):
    task = Task(lm, CLASSES)
    scores = task.scores([1, 2, 4]).double()
    right = [WORDS.index(CLASSES[i].completion) for i in (1, 2, 4)]
    expected = -scores.softmax(1)[range(3), right].log().mean()
    assert float(task.loss([1, 2, 4])) == pytest.approx(float(expected), rel=1e-5)
    free = Task(lm, FREE)
    tokens = sum(len(lm.tokenizer(e.completion)["input_ids"]) for e in FREE[:3])
    total = -sum(alone(lm, e.prompt, e.completion) for e in FREE[:3])
    assert float(free.loss([0, 1, 2])) == pytest.approx(total / tokens, rel=1e-4)


def test_the_loss_has_a_gradient(lm):
    weight = lm.model.get_parameter("model.layers.0.mlp.down_proj.weight")
    task = Task(lm, SENTENCES)
    weight.requires_grad_(True)
    try:
        task.loss([0, 1]).backward()
        gradient = weight.grad.clone()
    finally:
        weight.requires_grad_(False)
        weight.grad = None
    step = torch.zeros_like(weight)
    step.view(-1)[gradient.abs().argmax()] = 1e-2
    with torch.no_grad():
        weight += step
        ahead = float(task.loss([0, 1]))
        weight -= 2 * step
        behind = float(task.loss([0, 1]))
        weight += step
    assert (ahead - behind) / 2 == pytest.approx(float((gradient * step).sum()), rel=0.05)


@pytest.mark.parametrize("batch", [1, 2, 32])
def test_accuracy_and_f1_are_those_of_scikit_learn(batch, lm):
    task = Task(lm, CLASSES)
    every = range(len(CLASSES))
    chosen = task.chosen(every, batch)
    true = task.answers
    assert task.accuracy(every, batch) == pytest.approx(float((chosen == true).double().mean()))
    assert task.f1(every, batch) == pytest.approx(
        f1_score(true, chosen, average="macro", zero_division=0)
    )


def test_bfloat16_reads_about_the_same(lm):
    exact, rough = Task(lm, CLASSES), Task(lm, CLASSES, bfloat16=True)
    a, b = (task.scores(range(5)) for task in (exact, rough))
    assert 0 < float((a - b).abs().max()) < 0.5
    assert lm.dtype == torch.float32


def test_examples_are_read_and_nothing_is_written(tmp_path):
    file = tmp_path / "data.jsonl"
    # Without a line's end at its end, as editors leave it.
    text = "\n".join(json.dumps(e._asdict()) for e in CLASSES)
    file.write_text(text)
    assert read_examples(file) == CLASSES
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "holds no examples"),
        ("{", "line 1 is no JSON"),
        ("[1]", "line 1: an example is an object"),
        ('{"prompt": "a"}', "line 1: an example has a prompt and a completion"),
        ('{"prompt": "a", "completion": 3}', "line 1: an example has a prompt"),
        ('{"prompt": "a", "completion": "b", "choices": "b"}', "a list of texts"),
        ('{"prompt": "a", "completion": "b", "choices": ["b"]}', "choices are several"),
        ('{"prompt": "a", "completion": "b", "choices": ["c", "d"]}', "completion is one"),
        ('{"prompt": "a", "completion": "b", "choices": ["b", "c"]}\n{"prompt": "a", '
         '"completion": "b"}', "or none"),
    ],
)  # fmt: skip
def test_lines_that_are_no_examples_are_named(line, told, tmp_path):
    file = tmp_path / "data.jsonl"
    file.write_text(line)
    with pytest.raises(DataError, match=told):
        read_examples(file)


def test_what_cannot_be_scored_is_refused(lm, tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        read_examples(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="as many choices"):
        Task(lm, [CLASSES[0], FREE[0]])
    with pytest.raises(DataError, match="as many choices"):
        Task(lm, [])
    with pytest.raises(DataError, match="not right or wrong"):
        Task(lm, FREE).accuracy([0])
    turned = [CLASSES[0], CLASSES[1]._replace(choices=WORDS[::-1])]
    with pytest.raises(DataError, match="in one order"):
        Task(lm, turned).f1([0, 1])


def test_what_was_read_is_forgotten_when_the_blocks_below_change(tiny_folder):
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    upper = Task(lm, CLASSES, first=2)
    before = upper.scores(range(5))
    weight = lm.sites.blocks[0].mlp.weight
    with lm.edited({lm.sites.blocks[0].mlp.parameter_name: 2 * weight.detach().clone()}):
        torch.testing.assert_close(
            upper.scores(range(5)), Task(lm, CLASSES).scores(range(5)), atol=1e-4, rtol=1e-4
        )
    torch.testing.assert_close(upper.scores(range(5)), before)
    # Nor is what was read in one precision taken for the other.
    upper.bfloat16 = True
    rounded = upper.scores(range(5))
    assert torch.equal(rounded, Task(lm, CLASSES, first=2, bfloat16=True).scores(range(5)))


def test_choices_are_compared_without_the_rest_of_the_vocabulary(tiny):
    lm = tiny.lm
    words = ("a", "b")
    letters = [Example(e.prompt, words[i % 2], words) for i, e in enumerate(CLASSES[:3])]
    for first in (0, 1):
        task = Task(lm, letters, first=first)
        assert task.single
        scores = task.scores(range(3))
        expected = torch.nn.functional.cross_entropy(scores, task.answers)
        torch.testing.assert_close(task.loss(range(3)), expected, atol=1e-5, rtol=1e-5)
        assert task.chosen(range(3)).equal(scores.argmax(1))
        counts = []
        for asked in (task.scores, task.loss):
            with FlopCounterMode(display=False) as counter:
                asked(range(3))
            counts.append(counter.get_total_flops())
        # In bfloat16 too, where weights have copies from the second pass on.
        task.bfloat16 = True
        for _ in range(3):
            close = {"atol": 3e-2, "rtol": 3e-2}
            torch.testing.assert_close(task.loss(range(3)), expected, **close)
        compared = task._compared(range(3))
        assert not torch.equal(compared, compared.bfloat16().float())
        others = lm.sites.head.out_features - 2
        assert counts[0] - counts[1] == 2 * 3 * others * lm.sites.head.in_features


def test_weights_that_stay_are_rounded_once_and_say_the_same(real):
    lm, first = real, real.n_layers - 1
    task, plain = (Task(lm, CLASSES, first=first, bfloat16=True) for _ in range(2))
    block, head = lm.sites.blocks[-1], lm.sites.head
    maps = [part for part in block.block.modules() if isinstance(part, torch.nn.Linear)]
    with torch.no_grad():
        expected = plain.scores(range(5))
        for _ in range(3):
            assert torch.equal(task.scores(range(5)), expected)
        kept = 2 * sum(one.weight.numel() for one in [*maps, head])
        assert (plain.rounded.n_bytes, task.rounded.n_bytes) == (0, kept)
        # What is written to them counts at once, and again when it is taken back.
        weight = block.mlp.weight
        with lm.edited({block.mlp.parameter_name: 2 * weight.detach().clone()}):
            changed = Task(lm, CLASSES, first=first, bfloat16=True).scores(range(5))
            assert not torch.equal(changed, expected)
            for _ in range(3):
                assert torch.equal(task.scores(range(5)), changed)
        assert torch.equal(task.scores(range(5)), expected)
    # A weight that gets a gradient is read itself.
    weight = maps[-1].weight.requires_grad_()
    (gradient,) = torch.autograd.grad(task.loss(range(5)), [weight])
    weight.requires_grad_(False)
    assert gradient.abs().max() > 0


@pytest.mark.parametrize("examples", [CLASSES, SENTENCES], ids=["words", "texts"])
def test_a_prefix_of_real_keys_and_values_is_the_text_that_they_are_of(examples, tiny_folder):
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    text = "One review. "
    length = lm.encode(text).shape[1]
    after = Task(lm, examples, prefix=prefix_of(lm, text, length))
    written = [e._replace(prompt=text + e.prompt) for e in examples]
    rows = [lm.encode(e.prompt)[0].tolist() for e in written]
    assert rows == [lm.encode(text)[0].tolist() + p for p in after.prompts]
    whole = Task(lm, written)
    torch.testing.assert_close(after.scores(range(5)), whole.scores(range(5)), atol=1e-3, rtol=1e-3)


def test_mezo_tunes_a_prefix(tiny_folder):
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    prefix = prefix_of(lm, "One review of a film", 4)
    task = Task(lm, CLASSES, prefix=prefix)
    before = float(task.loss(range(5)))
    optimizer = MeZO(parameters(prefix).items(), lr=1e-2, eps=1e-2, scale="rms")
    for _ in range(40):
        optimizer.step(lambda: task.loss(range(5)))
    assert float(task.loss(range(5))) < before - 0.01


def test_a_prefix_that_cannot_be_is_refused(tiny_folder):
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    with pytest.raises(DataError, match="a prefix takes from 1"):
        prefix_of(lm, "short", 99)
    prefix = prefix_of(lm, "short", 1)
    with pytest.raises(DataError, match="leave first 0"):
        Task(lm, CLASSES, prefix=prefix, first=1)
    with pytest.raises(DataError, match="without a prefix"):
        Task(lm, CLASSES, prefix=prefix).generated([0], 2)


def test_what_is_generated_is_what_the_model_writes(tiny_folder):
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    task = Task(lm, CLASSES)
    assert task.generated([2, 0], 4) == lm.generate([CLASSES[2].prompt, CLASSES[0].prompt], 4)
