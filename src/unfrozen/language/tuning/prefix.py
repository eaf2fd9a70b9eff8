"""Prefix tuning: keys and values that every text is read after, as though words stood before it."""

from torch import Tensor

from unfrozen.errors import DataError
from unfrozen.language.architecture.replay import KeyValues
from unfrozen.language.model import LanguageModel


def prefix_of(lm: LanguageModel, text: str, length: int) -> KeyValues:
    """Keys and values of the first tokens of a real text, to tune from.

    Those of a real text are where tuning by losses alone begins well; noise is not.

    Args:
        lm: that reads it.
        text: such as an instruction.
        length: how many tokens.

    Raises:
        DataError: the text has fewer.
        ModelError: the model keeps no keys and values.

    Source: Li and Liang 2021; that they begin as real activations, Malladi et al. 2023, app. E.5.
    """
    ids = lm.encode(text)
    if not 0 < length <= ids.shape[1]:
        raise DataError(f"the text has {ids.shape[1]} tokens: a prefix takes from 1 to as many")
    run = lm.run(ids[:, :length], keep_cache=True, read="last")
    assert run.cache is not None
    copied = (tuple(t.clone() for t in kept) for kept in (run.cache.keys, run.cache.values))
    return KeyValues(*copied)


def parameters(prefix: KeyValues) -> dict[str, Tensor]:
    """The tensors of a prefix by name, for an optimizer that moves them in place."""
    return {
        f"prefix.{layer}.{what}": tensor
        for what, kept in (("keys", prefix.keys), ("values", prefix.values))
        for layer, tensor in enumerate(kept)
    }
