"""Facts from files, in every form they are published in; one registry, told apart by content."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unfrozen.data.cache import atomic_write
from unfrozen.data.sets import Relation
from unfrozen.errors import FactError
from unfrozen.language.facts.fact import Fact, as_template, relation_facts


@dataclass(frozen=True)
class Format:
    """A form that facts come in.

    Attributes:
        name: what it is called.
        matches: whether a record is of this form.
        read: the facts of one record, given a name for it.
    """

    name: str
    matches: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any], str], list[Fact]]


def read_facts(path: str | os.PathLike[str]) -> list[Fact]:
    """Read facts from a file, or from every ``*.json`` and ``*.jsonl`` of a folder.

    The form is seen from the content: our own JSONL (one object a line with the fields of `Fact`;
    ``subject``, ``prompt`` and a target at least), CounterFact, zsRE, known_1000, or relations.

    Raises:
        FactError: there is no such file, or a record is malformed; names the file and its line
            or record.
    """
    path = Path(path)
    try:
        folder = path.is_dir()
    except OSError as error:
        shown = f"{str(path)[:60]}…"
        raise FactError(f"cannot read facts from {shown} ({error.strerror})") from error
    if folder:
        files = sorted(f for f in path.iterdir() if f.suffix in {".json", ".jsonl"})
        if not files:
            raise FactError(f"the folder {path} has no .json or .jsonl file with facts")
        return [fact for file in files for fact in read_facts(file)]
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FactError(f"cannot read facts from {path} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise FactError(f"{path} is not text in UTF-8 (byte {error.start})") from error
    facts = []
    for where, record in records(text, path):
        facts += read_record(record, where, path.stem)
    if not facts:
        raise FactError(f"there are no facts in {path}")
    return facts


def write_facts(path: str | os.PathLike[str], facts: Iterable[Fact]) -> None:
    """Write facts as our own JSONL, whole or not at all; `read_facts` gives the same back."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        for fact in facts:
            fields = {name: value for name, value in asdict(fact).items() if value}
            stream.write(json.dumps(fields, ensure_ascii=False) + "\n")


def records(text: str, path: Path) -> Iterator[tuple[str, object]]:
    """The records of a JSON or JSONL text, each with a name to blame it by.

    Args:
        text: the file's.
        path: the file; JSONL by its name, or by what is in it.

    Raises:
        FactError: it is not JSON; names the line.
    """
    if path.suffix != ".jsonl":
        try:
            whole = json.loads(text)
        except json.JSONDecodeError as error:
            # Several objects one after another are JSONL under another name.
            if error.msg != "Extra data":
                raise FactError(
                    f"{path}, line {error.lineno}: not valid JSON ({error.msg})"
                ) from error
        except (ValueError, RecursionError) as error:  # too long a number, too deep a nesting
            raise FactError(f"{path}: JSON that cannot be read ({error})") from error
        else:
            if isinstance(whole, list):
                yield from ((f"{path}, record {i}", one) for i, one in enumerate(whole, 1))
            else:
                yield str(path), whole
            return
    # Not splitlines: that breaks at separators which JSON allows inside a string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"{path}, line {number}", json.loads(line)
        except json.JSONDecodeError as error:
            raise FactError(f"{path}, line {number}: not valid JSON ({error.msg})") from error
        except (ValueError, RecursionError) as error:
            raise FactError(f"{path}, line {number}: JSON that cannot be read ({error})") from error


def read_record(record: object, where: str, stem: str) -> list[Fact]:
    """The facts of one record, by the first format that knows it.

    Args:
        record: an object of JSON.
        where: names the record in errors, as `records` does.
        stem: name of the file, from which facts without an id get one.

    Raises:
        FactError: it is of no form that is known, or malformed.
    """
    if not isinstance(record, dict):
        raise FactError(f"{where}: a fact is an object with named fields, not {record!r:.40}")
    for form in FORMATS:
        if form.matches(record):
            place = re.search(r"(?:line|record) (\d+)$", where)
            try:
                return form.read(record, f"{stem}:{place[1]}" if place else stem)
            except FactError as error:
                raise FactError(f"{where}: {error}") from error
            except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
                raise FactError(
                    f"{where}: malformed {form.name} record ({type(error).__name__}: {error})"
                ) from error
    names = ", ".join(form.name for form in FORMATS)
    raise FactError(
        f"{where}: no facts in a form that is known ({names}); ours needs subject and prompt"
    )


def _text(record: object, field: str) -> str:
    """A field that must be there and be text."""
    if not isinstance(record, dict):
        raise FactError(f"an object with the field {field!r} is wanted, not {record!r:.40}")
    if field not in record:
        raise FactError(f"the field {field!r} is missing")
    if not isinstance(record[field], str):
        raise FactError(f"the field {field!r} is {record[field]!r:.40}, not text")
    return record[field]


def _texts(record: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """A field that may be missing and is a list of texts."""
    value = record.get(field) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise FactError(f"the field {field!r} is {value!r:.40}, not a list of texts")
    return tuple(value)


_FIELDS = frozenset(Fact.__dataclass_fields__)

EVALUATION_FIELDS = frozenset({"generation_prompts", "references", "elsewhere"})
"""Fields of our own form that only evaluation reads: see `unfrozen.language.evaluation.cases`."""


def _own(record: Mapping[str, Any], name: str) -> list[Fact]:
    """Our own form: the fields of `Fact`; the prompt may hold the subject itself."""
    unknown = sorted(set(record) - _FIELDS - EVALUATION_FIELDS)
    if unknown:
        raise FactError(
            f"no such field: {', '.join(unknown)} (known: {', '.join(sorted(_FIELDS))})"
        )
    subject = _text(record, "subject")
    texts = {
        field: _text(record, field)
        for field in ("target_true", "target_new", "relation", "id")
        if record.get(field) is not None
    }
    return [
        Fact(
            subject=subject,
            prompt=as_template(_text(record, "prompt"), subject),
            paraphrases=_texts(record, "paraphrases"),
            neighbours=_texts(record, "neighbours"),
            **{"id": name, **texts},
        )
    ]


def _counterfact(record: Mapping[str, Any], name: str) -> list[Fact]:
    """CounterFact as first published (Meng et al. 2022, ROME)."""
    rewrite = record["requested_rewrite"]
    return [
        Fact(
            subject=_text(rewrite, "subject"),
            prompt=_text(rewrite, "prompt"),
            target_true=_text(rewrite["target_true"], "str"),
            target_new=_text(rewrite["target_new"], "str"),
            paraphrases=_texts(record, "paraphrase_prompts"),
            neighbours=_texts(record, "neighborhood_prompts"),
            relation=str(rewrite.get("relation_id", "")),
            id=str(record.get("case_id", name)),
        )
    ]


def _zsre(record: Mapping[str, Any], name: str) -> list[Fact]:
    """Questions of zsRE (Mitchell et al. 2022, MEND); the right answer is the new target."""
    subject, question = _text(record, "subject"), _text(record, "src")
    if not subject or subject not in question:
        raise FactError(f"the subject {subject!r} is not in the question {question!r}")
    answers = _texts(record, "answers") or (_text(record, "alt"),)
    return [
        Fact(
            subject=subject,
            prompt=question.replace(subject, "{}", 1),
            target_new=answers[0],
            paraphrases=(_text(record, "rephrase"),) if record.get("rephrase") else (),
            id=str(record.get("case_id", name)),
        )
    ]


def _known(record: Mapping[str, Any], name: str) -> list[Fact]:
    """known_1000 (Meng et al. 2022, causal tracing); the prompt may go on after the template."""
    subject, prompt = _text(record, "subject"), _text(record, "prompt")
    before = _text(record, "template").split("{}")[0]
    place = len(before) if prompt.startswith(before + subject) else prompt.find(subject)
    if place < 0 or not subject:
        raise FactError(f"the subject {subject!r} is not in the prompt {prompt!r}")
    return [
        Fact(
            subject=subject,
            prompt=prompt[:place] + "{}" + prompt[place + len(subject) :],
            target_true=_text(record, "attribute"),
            relation=str(record.get("relation_id", "")),
            id=str(record.get("known_id", name)),
        )
    ]


def _relation(record: Mapping[str, Any], name: str) -> list[Fact]:
    """A relation with its templates and samples (Hernandez et al. 2024)."""
    templates = _texts(record, "prompt_templates") + _texts(record, "prompt_templates_zs")
    if not templates:
        raise FactError("the relation has no prompt_templates")
    return relation_facts(
        Relation(
            name=str(record.get("name", name)),
            templates=tuple(dict.fromkeys(templates)),
            pairs=tuple((_text(one, "subject"), _text(one, "object")) for one in record["samples"]),
            source=name,
            licence="",
        )
    )


FORMATS: tuple[Format, ...] = (
    Format("CounterFact", lambda r: "requested_rewrite" in r, _counterfact),
    Format("zsRE", lambda r: {"subject", "src"} <= set(r), _zsre),
    Format("known_1000", lambda r: {"subject", "template", "attribute"} <= set(r), _known),
    Format("relations", lambda r: {"prompt_templates", "samples"} <= set(r), _relation),
    Format("JSONL", lambda r: bool({"subject", "prompt"} & set(r)), _own),
)
"""Every form of facts that can be read; the first that matches a record reads it."""
