"""Where the subject's tokens are in a prompt, and which tokens continue it: for any tokenizer."""

import bisect
import difflib
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from unfrozen.errors import FactError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Span(NamedTuple):
    """Which tokens of a prompt hold a part of its subject.

    Attributes:
        start: the first of them.
        stop: one past the last of them.
        tokens: ids of the whole prompt, special tokens included.
    """

    start: int
    stop: int
    tokens: tuple[int, ...]

    @property
    def last_subject_token(self) -> int:
        """Position of the subject's last token, where a causal model has read all of it."""
        return self.stop - 1


def check_text(text: str) -> None:
    """Whether a text is text: a command line in another encoding leaves halves of characters.

    Raises:
        FactError: it cannot be encoded.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = text.encode(errors="replace").decode()
        raise FactError(f"{shown!r} holds half a character: give text in UTF-8") from error


def subject_span(
    tokenizer: "PreTrainedTokenizerBase",
    prompt_template: str,
    subject: str,
    add_special_tokens: bool = True,
) -> Span:
    """Find the tokens that hold any character of the subject.

    The place is where the template has its ``{}``, whatever else the prompt repeats.  A token
    that holds both an end of the subject and its surroundings (a leading space, a full stop
    merged with the last letter) counts.

    Args:
        tokenizer: any tokenizer of transformers.
        prompt_template: a prompt with exactly one ``{}``.
        subject: what goes there.
        add_special_tokens: whether the model's own prefix and suffix (such as BOS) are added.

    Raises:
        FactError: not exactly one ``{}``, an empty subject, or one the tokenizer leaves no
            token of.
    """
    check_text(prompt_template + subject)
    if prompt_template.count("{}") != 1:
        raise FactError(
            f"the prompt {prompt_template!r} needs exactly one {{}} where the subject stands"
        )
    if not subject.strip():
        raise FactError(f"the subject of {prompt_template!r} is empty")
    before, after = prompt_template.split("{}")
    text = before + subject + after
    first, last = len(before), len(before) + len(subject)
    # Spaces at the subject's ends may be tokens of their own, that say nothing of the subject.
    first += len(subject) - len(subject.lstrip())
    last -= len(subject) - len(subject.rstrip())
    if tokenizer.is_fast:
        encoded = tokenizer(
            text, add_special_tokens=add_special_tokens, return_offsets_mapping=True
        )
        ids, places = list(encoded["input_ids"]), list(encoded["offset_mapping"])
        # Special tokens claim the empty place (0, 0), and hold nothing.
    else:
        ids = list(tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"])
        places = _places(tokenizer, text, ids)
    held = [i for i, (start, stop) in enumerate(places) if start < last and stop > first]
    if not held:
        raise FactError(f"the tokenizer leaves nothing of the subject {subject!r} in {text!r}")
    start, stop = held[0], held[-1] + 1
    # A space that the tokenizer puts before the text itself claims the text's first character.
    while start < stop - 1 and _is_blank(tokenizer, ids[start]):
        start += 1
    return Span(start, stop, tuple(int(i) for i in ids))


def encode_target(
    tokenizer: "PreTrainedTokenizerBase", prompt_ids: Sequence[int], target: str
) -> list[int]:
    """The tokens that continue a prompt with a space and the target.

    Prompt and target are encoded together and the prompt's part is taken off, so that each
    tokenizer says itself how a word begins in the middle of a text.

    Args:
        tokenizer: any tokenizer of transformers.
        prompt_ids: the prompt, as it was encoded.
        target: what continues it; surrounding spaces do not count.

    Raises:
        FactError: the target is empty, or the tokenizer leaves nothing of it.
    """
    check_text(target)
    target = target.strip()
    if not target:
        raise FactError("the target is empty: give the word or name that the prompt ends in")
    special = set(tokenizer.all_special_ids)
    prompt = _decode(tokenizer, [i for i in prompt_ids if i not in special])

    def encode(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    # A prompt that ends in a space has the space already: joined, the two would be re-divided.
    spaced = target if prompt != prompt.rstrip() else f" {target}"
    # When even so the prompt's end is divided anew, a plain letter before the target is not.
    for context in (prompt, "a", "."):
        if not context or context != context.rstrip():
            continue
        head, joint = encode(context), encode(context + spaced)
        if head and joint[: len(head)] == head and len(joint) > len(head):
            return joint[len(head) :]
    ids = encode(spaced)
    if not ids:
        raise FactError(f"the tokenizer leaves nothing of the target {target!r}")
    return ids


def _decode(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> str:
    """The text of some tokens, as they are."""
    if not ids:
        return ""
    return str(tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))


def _is_blank(tokenizer: "PreTrainedTokenizerBase", token: int) -> bool:
    """Whether a token stands for space alone, and not for a part of a character."""
    text = _decode(tokenizer, [token])
    if not text:
        # Decoders drop a space that stands first, and some drop half characters: ask its mark.
        text = str(tokenizer.convert_ids_to_tokens(token)).replace("▁", " ")
    return not text.strip()


def _places(
    tokenizer: "PreTrainedTokenizerBase", text: str, ids: Sequence[int]
) -> list[tuple[int, int]]:
    """Character range of each token, for tokenizers that do not tell: from decoded prefixes.

    What a prefix decodes to grows with each token.  Decoding may add or drop spaces; where it also
    changed case or stripped accents, both sides are reduced to what survives that.
    """
    # An unknown token is "special" too, but stands for characters of the text.
    special = {i for i in tokenizer.all_special_ids if i != tokenizer.unk_token_id}
    decoded, kept = [""], []
    for i in ids:
        if i not in special:
            kept.append(i)
        # Half a character decodes to the replacement mark until its other bytes are there.
        decoded.append(_decode(tokenizer, kept).rstrip("\ufffd"))
    deep = _reduce(decoded[-1], deep=False)[0] != _reduce(text, deep=False)[0]
    original, origin = _reduce(text, deep=deep)
    prefixes = [_reduce(prefix, deep=deep)[0] for prefix in decoded]
    whole = prefixes[-1]
    cuts = _aligned(whole, original)
    places = []
    for i, token in enumerate(ids):
        begin = min(len(prefixes[i]), len(whole))
        end = min(len(prefixes[i + 1]), len(whole))
        if token in special:
            places.append((0, 0))
            continue
        if end <= begin:  # a byte inside a character: it shares that character
            if _is_blank(tokenizer, token):
                places.append((0, 0))
                continue
            end = begin + 1
        start, stop = cuts[begin], cuts[min(end, len(whole))]
        if stop <= start:
            places.append((0, 0))
        else:
            places.append((origin[start], origin[stop - 1] + 1))
    return places


def _reduce(text: str, *, deep: bool) -> tuple[str, list[int]]:
    """A text without spaces (deep: case and accents too), and where what is left came from."""
    characters, origin = [], []
    for place, character in enumerate(text):
        parts = unicodedata.normalize("NFKD", character).casefold() if deep else character
        for part in parts:
            if not part.isspace() and not (deep and unicodedata.combining(part)):
                characters.append(part)
                origin.append(place)
    return "".join(characters), origin


def _aligned(decoded: str, original: str) -> list[int]:
    """For each place between characters of ``decoded``, the matching place in ``original``."""
    if decoded == original:
        return list(range(len(original) + 1))
    known = [(0, 0)]
    blocks = difflib.SequenceMatcher(None, decoded, original, autojunk=False).get_matching_blocks()
    for block in blocks:
        known += [(block.a, block.b), (block.a + block.size, block.b + block.size)]
    known = sorted(set(known))
    froms = [a for a, _ in known]
    cuts = []
    for place in range(len(decoded) + 1):
        # Inside a block both run side by side; between blocks the next known place stands.
        index = bisect.bisect_left(froms, place)
        cuts.append(known[min(index, len(known) - 1)][1])
    for block in blocks:
        for step in range(block.size + 1):
            cuts[block.a + step] = block.b + step
    return cuts
