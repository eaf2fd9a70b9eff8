"""Examples to be tuned on: a prompt, what it should be continued by, and what else it could be."""

import json
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from unfrozen.errors import DataError


class Example(NamedTuple):
    """A prompt and how it goes on.

    Attributes:
        prompt: what is given.
        completion: what should follow, its first blank included.
        choices: among which it is chosen, if it is a class.
    """

    prompt: str
    completion: str
    choices: tuple[str, ...] = ()


def read_examples(path: str | PathLike[str]) -> list[Example]:
    """Examples from a file of JSON lines: `prompt`, `completion` and perhaps `choices`.

    Raises:
        DataError: the file cannot be read, is empty, or a line is no example.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the examples of {path}: {error}") from error
    found = [
        _example(line, f"{path}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not found:
        raise DataError(f"{path} holds no examples: give a prompt and a completion a line")
    if len({bool(example.choices) for example in found}) > 1:
        raise DataError(f"{path}: either every example has choices, or none")
    return found


def _example(line: str, where: str) -> Example:
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: an example is an object, with a prompt and a completion")
    prompt, completion = row.get("prompt"), row.get("completion")
    if not (isinstance(prompt, str) and isinstance(completion, str) and prompt and completion):
        raise DataError(f"{where}: an example has a prompt and a completion that are texts")
    choices = row.get("choices", ())
    if not (isinstance(choices, list | tuple) and all(isinstance(c, str) and c for c in choices)):
        raise DataError(f"{where}: choices are a list of texts")
    if choices and (completion not in choices or len(set(choices)) < max(len(choices), 2)):
        raise DataError(f"{where}: choices are several, all different, and the completion is one")
    return Example(prompt, completion, tuple(choices))
