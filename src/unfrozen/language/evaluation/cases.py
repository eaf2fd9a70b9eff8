"""Facts with all that they are measured by: what a benchmark's record has beside the fact."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unfrozen.data.sets import relations
from unfrozen.errors import DataError, FactError
from unfrozen.language.evaluation.reach import Hop, find_hops
from unfrozen.language.evaluation.references import references_from
from unfrozen.language.facts import Fact, distinct_counterfactuals, relation_facts
from unfrozen.language.facts.fact import plain, seeded
from unfrozen.language.facts.reading import EVALUATION_FIELDS, read_record, records

# The published runs write ten texts a fact.
_OPEN = ("{} is", "{} is known for", "Here is what I know about {}:")
_SENTENCES = 20


@dataclass(frozen=True)
class Case:
    """A fact and what it is measured by.

    Attributes:
        fact: the fact, with a new target.
        open_prompts: what the model writes about the subject after; one prompt may come again.
        references: texts about other subjects that have the new object.
        elsewhere: questions about other things, and their answers.
        hops: questions that follow from the fact.
    """

    fact: Fact
    open_prompts: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()
    hops: tuple[Hop, ...] = ()


def read_cases(path: str | os.PathLike[str], *, alternative: bool = False) -> list[Case]:
    """Read cases from a file of any form that `unfrozen.language.facts.read_facts` reads.

    Of CounterFact, prompts to write after and true sentences with the new object are taken too; of
    zsRE, the question about something else; of our own JSONL, the fields ``generation_prompts``,
    ``references`` (lists of texts) and ``elsewhere`` (a list of pairs of question and answer).

    Args:
        path: a JSON, JSONL or Parquet file.
        alternative: of zsRE, whether to write the made-up answer (``alt``, as EasyEdit does)
            in place of the right one (as the papers of ROME, MEMIT and AlphaEdit do).

    Raises:
        FactError: there is no such file, a record is malformed, or a fact has no new target.
        DataError: Parquet cannot be read here.
    """
    path = Path(path)
    found: list[Case] = []
    for where, record in _records(path):
        facts = read_record(record, where, path.stem)
        assert isinstance(record, Mapping)
        try:
            found += [_case(fact, record, alternative=alternative) for fact in facts]
        except FactError as error:
            raise FactError(f"{where}: {error}") from error
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise FactError(f"{where}: malformed ({type(error).__name__}: {error})") from error
    if not found:
        raise FactError(f"there are no facts in {path}")
    return found


def generated_cases(number: int, seed: int) -> list[Case]:
    """Counterfactual facts out of what packages carry: no subject twice, neighbours set apart.

    What a model knows plays no part, so all models are asked the same.

    Args:
        number: how many at most.
        seed: of the draw.

    Raises:
        DataError: a package cannot be had.
    """
    source = [fact for relation in relations(towns=True) for fact in relation_facts(relation)]
    drawn = distinct_counterfactuals(source, number, seed)
    return complete([Case(fact) for fact in drawn.facts], drawn.apart)


def complete(cases: Sequence[Case], known: Iterable[Fact] = (), *, hops: bool = True) -> list[Case]:
    """Give cases what they lack: prompts to write after, references, what follows.

    Args:
        cases: to complete; what one has already is kept.
        known: facts whose sentences may be references.
        hops: whether to look for what follows, in relations that packages carry.

    Raises:
        DataError: the package cannot be had.
    """
    sentences = references_from(list(known))
    found = []
    for case in cases:
        fact = case.fact
        own = f"{fact.text} {fact.target_new}."
        texts = [t for t in sentences.get(plain(fact.target_new or ""), ()) if t != own]
        seeded(0, fact.text, "references").shuffle(texts)
        found.append(
            replace(
                case,
                open_prompts=case.open_prompts
                or tuple(prompt.replace("{}", fact.subject) for prompt in _OPEN),
                references=case.references or tuple(texts[:_SENTENCES]),
                hops=case.hops or (find_hops(fact) if hops else ()),
            )
        )
    return found


def read_references(path: str | os.PathLike[str]) -> dict[str, tuple[str, ...]]:
    """Reference texts of one's own: a JSON object, from a new object to a list of texts.

    Raises:
        FactError: there is no such file, or it has another form.
    """
    path = Path(path)
    text = _text(path)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise FactError(f"{path} is not valid JSON ({error})") from error
    if not isinstance(found, dict) or not all(
        isinstance(texts, list) and all(isinstance(one, str) for one in texts)
        for texts in found.values()
    ):
        raise FactError(f'{path} is no object such as {{"Rome": ["Rome is ...", ...]}}')
    return {plain(target): tuple(texts) for target, texts in found.items()}


def _case(fact: Fact, record: Mapping[str, Any], *, alternative: bool) -> Case:
    case = Case(fact)
    for field, read in _READERS.items():
        if field in record:
            case = read(case, record)
    if alternative and record.get("alt"):
        old = (case.fact.target_new or "").strip()
        new = str(record["alt"])
        true = None if plain(old) == plain(new) else old
        case = replace(case, fact=replace(case.fact, target_new=new, target_true=true))
    return case


def _counterfact(case: Case, record: Mapping[str, Any]) -> Case:
    """What CounterFact asks of a fact: texts, and prompts that the new object answers rightly."""
    told = [f"{prompt} {case.fact.target_new}." for prompt in record.get("attribute_prompts") or ()]
    return replace(
        case,
        open_prompts=tuple(map(str, record.get("generation_prompts") or ())),
        references=tuple(told),
    )


def _zsre(case: Case, record: Mapping[str, Any]) -> Case:
    """The question of another data set that comes with each of zsRE."""
    question = str(record["loc"]).strip().removeprefix("nq question:").strip().rstrip("?")
    answer = str(record.get("loc_ans") or "").strip()
    if not question or not answer:
        raise FactError("the question of another data set (loc) or its answer (loc_ans) is empty")
    # As the published evaluation has it: with the name of that data set, and a question mark.
    return replace(case, elsewhere=((f"nq question: {question}?", answer),))


def _own(case: Case, record: Mapping[str, Any]) -> Case:
    texts = {f: tuple(record.get(f) or ()) for f in EVALUATION_FIELDS}
    pairs = tuple(tuple(pair) for pair in texts["elsewhere"])
    if not all(len(pair) == 2 and all(isinstance(t, str) for t in pair) for pair in pairs):
        raise FactError("the field 'elsewhere' is a list of pairs of question and answer")
    if not all(isinstance(t, str) for f in ("generation_prompts", "references") for t in texts[f]):
        raise FactError("the fields 'generation_prompts' and 'references' are lists of texts")
    return replace(
        case,
        open_prompts=texts["generation_prompts"],
        references=texts["references"],
        elsewhere=pairs,
    )


# A field that only records of a form have -> what is read of them besides the fact.
_READERS: dict[str, Callable[[Case, Mapping[str, Any]], Case]] = {
    "requested_rewrite": _counterfact,
    "loc": _zsre,
    "prompt": _own,
}


def _records(path: Path) -> Iterator[tuple[str, object]]:
    if path.suffix == ".parquet":
        try:
            from pyarrow import ArrowException, parquet
        except ImportError as error:
            raise DataError(
                f"{path} is Parquet, which needs pyarrow: pip install 'unfrozen[scale]'"
            ) from error
        try:
            rows = parquet.read_table(path).to_pylist()
        except (OSError, ArrowException) as error:
            raise FactError(f"cannot read facts from {path} ({error})") from error
        yield from ((f"{path}, record {i}", row) for i, row in enumerate(rows, 1))
    else:
        yield from records(_text(path), path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FactError(f"cannot read {path} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise FactError(f"{path} is not text in UTF-8 (byte {error.start})") from error
