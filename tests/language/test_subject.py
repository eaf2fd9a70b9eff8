import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer, UnigramTrainer, WordPieceTrainer
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from unfrozen.errors import FactError
from unfrozen.language.subject import Span, encode_target, subject_span

CORPUS = [
    "The Eiffel Tower is in the city of Paris, and Paris is the capital of France.",
    "the the tower of the city: Paris. Tower, tower; the Tower in Paris!",
    "São Paulo and Zürich are cities; New York is a city in the country of the United States.",
    "Der Fluß fließt. Ελλάδα, 東京 and Москва are names. 🎉 party 🎉 and 👩‍🚀 in space",
] * 8


def byte_level(add_prefix_space, bos=False):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=380,
        special_tokens=["<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    if bos:
        tokenizer.post_processor = processors.Sequence(
            [
                # GPT-2's processor: it takes the leading space out of the offsets.
                processors.ByteLevel(trim_offsets=True),
                processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)]),
            ]
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>")


def metaspace(prepend):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=prepend)
    trainer = UnigramTrainer(
        vocab_size=220, special_tokens=["<unk>", "<s>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", unk_token="<unk>")


def byte_fallback():
    """Llama 2's make: a normaliser puts the spaces' marks, unknown characters become bytes."""
    pieces = {"<unk>": 0, "<s>": 1, "▁": 2}
    pieces |= {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    for character in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,:;!'é":
        pieces.setdefault(character, len(pieces))
    merges = [("▁", "t"), ("h", "e"), ("▁t", "he"), ("P", "a"), ("▁", "Pa"), ("r", "i")]
    for left, right in merges:
        pieces.setdefault(left + right, len(pieces))
    model = models.BPE(pieces, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", unk_token="<unk>")


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = WordPieceTrainer(
        vocab_size=260, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


TOKENIZERS = {
    "byte level": byte_level(add_prefix_space=False),
    "byte level, space before": byte_level(add_prefix_space=True),
    "byte level, begin token": byte_level(add_prefix_space=False, bos=True),
    "metaspace, always": metaspace("always"),
    "metaspace, first": metaspace("first"),
    "byte fallback": byte_fallback(),
    "word piece": word_piece(),
    "bytes, slow": ByT5Tokenizer(),
}
LOSSLESS = [name for name in TOKENIZERS if name.startswith(("byte", "bytes"))]

texts = st.lists(
    st.sampled_from([*"abctheTowrPisé .,'", "ß", "東", "🎉", "👩‍🚀", "Ж", "e\u0301"]), max_size=10
).map("".join)
subjects = texts.map(lambda t: " ".join(t.split())).filter(bool)


def decoded(tokenizer, ids):
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False)


def squeezed(text):
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("name", LOSSLESS)
@given(before=texts, subject=subjects, after=texts)
def test_the_span_is_the_least_that_holds_the_whole_subject(name, before, subject, after):
    """Ground truth by bytes: what tokens decode to, one after another, tiles the prompt."""
    tokenizer = TOKENIZERS[name]
    if before and not before[-1].isspace():
        before += " "
    text = before + subject + after
    span = subject_span(tokenizer, before + "{}" + after, subject)
    assert list(span.tokens) == list(tokenizer(text)["input_ids"])
    lengths = [bytes_of(tokenizer, name, token) for token in span.tokens]
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    assert ends[-1] == len(squeezed(text).encode())
    starts = [end - length for end, length in zip(ends, lengths, strict=True)]
    first = len(squeezed(before).encode())
    last = first + len(squeezed(subject).encode())
    # All of the subject is inside, and no token inside lies wholly outside the subject.
    assert starts[span.start] <= first < ends[span.start]
    assert starts[span.last_subject_token] < last <= ends[span.last_subject_token]


def bytes_of(tokenizer, name, token):
    """How many bytes of the prompt a token stands for, spaces left out."""
    mark = tokenizer.convert_ids_to_tokens(token)
    if token in tokenizer.all_special_ids:
        return 0
    if name == "byte fallback":
        return 1 if mark.startswith("<0x") else len(mark.replace("▁", "").encode())
    if name == "bytes, slow":
        return 0 if mark.isspace() else 1
    # Byte-level marks are one letter a byte, and Ġ is the space.
    return len(mark.replace("Ġ", ""))


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(
    ("template", "subject", "expected"),
    [
        ("The {} is in the city of", "Eiffel Tower", "eiffeltower"),
        ("{} is in the city of", "Eiffel Tower", "eiffeltower"),
        ("the tower, the {}", "tower", "tower"),
        ("tower, tower, {}, tower", "tower", "tower"),
        ("the city of {}.", "Paris", "paris"),
        ("the city of {}", "São Paulo", "saopaulo"),
        ("Where is {}", "New York", "newyork"),
    ],
)
def test_the_span_reads_as_the_subject(name, template, subject, expected):
    tokenizer = TOKENIZERS[name]
    span = subject_span(tokenizer, template, subject)
    said = decoded(tokenizer, list(span.tokens[span.start : span.stop]))
    plain = unicodedata.normalize("NFKD", squeezed(said)).encode("ascii", "ignore").decode()
    # A token may go on past the subject, but only by what no word has in it.
    assert plain.casefold().strip(".,") == expected


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_repeated_subject_is_found_where_the_template_has_it(name):
    tokenizer = TOKENIZERS[name]
    places = [
        subject_span(tokenizer, template, "Paris")
        for template in ("{}, Paris, Paris", "Paris, {}, Paris", "Paris, Paris, {}")
    ]
    assert len({span.tokens for span in places}) == 1
    assert places[0].stop <= places[1].start
    assert places[1].stop <= places[2].start


@pytest.mark.parametrize("name", TOKENIZERS)
def test_special_tokens_move_the_span_and_belong_to_no_subject(name):
    tokenizer = TOKENIZERS[name]
    with_them = subject_span(tokenizer, "{} is", "Paris")
    without = subject_span(tokenizer, "{} is", "Paris", add_special_tokens=False)
    added = list(with_them.tokens).index(without.tokens[0])
    assert with_them[:2] == (without.start + added, without.stop + added)
    held = with_them.tokens[with_them.start : with_them.stop]
    assert not set(held) & set(tokenizer.all_special_ids)


def test_an_emoji_that_is_several_tokens_is_held_whole():
    tokenizer = TOKENIZERS["bytes, slow"]
    span = subject_span(tokenizer, "a {} b", "👩‍🚀")
    # 4 bytes of the woman, 3 of the joiner, 4 of the rocket, after "a" and a space.
    assert span[:2] == (2, 13)
    assert span.last_subject_token == 12


def test_a_token_that_the_subject_shares_with_what_follows_counts():
    tokenizer = Tokenizer(models.WordLevel({"Rome's": 0, "is": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    shared = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="?")
    assert subject_span(shared, "is {}'s is", "Rome") == Span(1, 2, (1, 0, 1))


def test_spaces_around_the_subject_are_not_its_tokens():
    tokenizer = TOKENIZERS["bytes, slow"]
    assert subject_span(tokenizer, "a{}b", " xy ")[:2] == (2, 4)


@pytest.mark.parametrize(
    ("template", "subject", "message"),
    [
        ("no place", "x", "exactly one {}"),
        ("{} and {}", "x", "exactly one {}"),
        ("{} is", " ", "is empty"),
        ("{} is", "\u0007", "leaves nothing of the subject"),
    ],
)
def test_a_subject_that_has_no_place_is_a_clear_error(template, subject, message):
    with pytest.raises(FactError, match=message):
        subject_span(TOKENIZERS["word piece"], template, subject)


class Slow:
    """A fast tokenizer that does not tell its offsets, like those written in Python."""

    is_fast = False

    def __init__(self, fast):
        self.fast = fast
        self.all_special_ids, self.unk_token_id = fast.all_special_ids, fast.unk_token_id
        self.decode, self.convert_ids_to_tokens = fast.decode, fast.convert_ids_to_tokens

    def __call__(self, text, *, add_special_tokens):
        return self.fast(text, add_special_tokens=add_special_tokens)


@pytest.mark.parametrize("name", [n for n in TOKENIZERS if n != "bytes, slow"])
@given(
    before=st.sampled_from(["", "The ", "Paris, the city of ", "🎉 "]),
    subject=st.sampled_from(
        ["Paris", "Eiffel Tower", "São Paulo", "東京", "🎉", "the the", "Москва", "Fluß"]
    ),
    after=st.sampled_from(["", " is in", ", Paris.", "'s city", " 🎉"]),
)
def test_without_offsets_the_same_span_is_found(name, before, subject, after):
    """Offsets of the Rust library are the truth for the alignment by decoded prefixes."""
    fast = TOKENIZERS[name]
    template = before + "{}" + after
    known = all(
        unknown not in fast(before + subject + after)["input_ids"]
        for unknown in [fast.unk_token_id]
        if unknown is not None
    )
    expected = subject_span(fast, template, subject)
    found = subject_span(Slow(fast), template, subject)  # pyright: ignore[reportArgumentType]
    assert found.tokens == expected.tokens
    if known:
        assert found == expected


# ---------------------------------------------------------------------------------------- targets


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("prompt", ["The city of", "Paris is in the", "x", "(", "é", "東京"])
@pytest.mark.parametrize("target", ["Paris", "New York", "São Paulo", "🎉", " padded "])
def test_prompt_and_target_read_as_one_text(name, prompt, target):
    tokenizer = TOKENIZERS[name]
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    target_ids = encode_target(tokenizer, tokenizer(prompt)["input_ids"], target)
    whole = decoded(tokenizer, [*ids, *target_ids]).removeprefix(" ")
    assert whole == f"{prompt} {target.strip()}"
    assert not set(target_ids) & set(tokenizer.all_special_ids)


@pytest.mark.parametrize("name", ["metaspace, always", "metaspace, first", "word piece"])
@pytest.mark.parametrize("target", ["Paris", "New York", "the city"])
def test_a_target_begins_a_word_once(name, target):
    tokenizer = TOKENIZERS[name]
    prompt = "The tower is in"
    target_ids = encode_target(tokenizer, tokenizer(prompt)["input_ids"], target)
    pieces = "".join(tokenizer.convert_ids_to_tokens(target_ids))
    expected = target.lower() if name == "word piece" else f"▁{target}"
    # WordPiece has no mark for spaces, only one for going on without.
    assert pieces.replace("##", "") == expected.replace(" ", "" if "word" in name else "▁")
    assert pieces.startswith("▁") == expected.startswith("▁")
    assert not pieces.startswith("▁▁")
    assert not set(target_ids) & set(tokenizer.all_special_ids)


@pytest.mark.parametrize("prompt", ["A: ", "A:\n"])
def test_a_prompt_that_ends_in_a_space_has_the_space_already(prompt):
    tokenizer = TOKENIZERS["byte level"]
    ids = tokenizer(prompt)["input_ids"]
    whole = decoded(tokenizer, [*ids, *encode_target(tokenizer, ids, "Paris")])
    assert whole == f"{prompt}Paris"


def test_an_empty_prompt_still_has_a_target():
    tokenizer = TOKENIZERS["byte level"]
    assert decoded(tokenizer, encode_target(tokenizer, [], "Paris")) == " Paris"


@pytest.mark.parametrize("target", ["", "  ", "\n"])
def test_an_empty_target_is_a_clear_error(target):
    with pytest.raises(FactError, match="target is empty"):
        encode_target(TOKENIZERS["byte level"], [1], target)


def test_a_target_that_the_tokenizer_drops_is_a_clear_error():
    tokenizer = TOKENIZERS["word piece"]
    with pytest.raises(FactError, match="leaves nothing of the target"):
        encode_target(tokenizer, tokenizer("the city")["input_ids"], "\u0007")


@pytest.mark.real
@pytest.mark.parametrize(
    ("template", "subject", "said"),
    [
        ("The {} is in the city of", "Eiffel Tower", " Eiffel Tower"),
        ("{} is the capital of", "Paris", "Paris"),
        ("Paris is Paris, but {} is", "Paris", " Paris"),
        ("He lives in {}, a city", "Zürich", " Zürich"),
        ("Who is {}?", "🎉👩‍🚀", " 🎉👩‍🚀"),
        ('They say "{}" is', "東京", "東京"),
    ],
)
def test_the_real_tokenizer(template, subject, said):
    from unfrozen.data.models import load_pretrained

    tokenizer = load_pretrained().tokenizer
    span = subject_span(tokenizer, template, subject)
    assert decoded(tokenizer, list(span.tokens[span.start : span.stop])) == said
    target = encode_target(tokenizer, span.tokens, "New York")
    assert [tokenizer.decode([i]) for i in target] == [" New", " York"]
