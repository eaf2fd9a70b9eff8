"""``unfrozen memory``: create, write, read, stats and forget."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.opening import JsonOption, reporter, writable

if TYPE_CHECKING:
    from unfrozen.memory.store import MappedStore

EXAMPLES = {
    "memory create": (
        "unfrozen memory create notes --texts",
        "unfrozen memory create faces --width 512 --capacity 100000 --policy least-recent",
        "unfrozen memory create pairs --width 64 --values 10",
    ),
    "memory write": (
        'unfrozen memory write notes "The meeting is on Thursday." "Anna has a red bicycle."',
        "unfrozen memory write notes --from notes.txt",
        "unfrozen memory write faces --from faces.npy",
        "unfrozen memory write pairs --from keys.parquet --values values.npy",
    ),
    "memory read": (
        'unfrozen memory read notes "When do we meet?"',
        "unfrozen memory read faces --from damaged.npy --beta 0.5 --steps 3 --out fall.png",
        "unfrozen memory read pairs --from queries.npy --json -",
    ),
    "memory stats": ("unfrozen memory stats notes", "unfrozen memory stats faces --json - --check"),
    "memory forget": ("unfrozen memory forget notes 3 17", "unfrozen memory forget faces 0"),
}

Folder = Annotated[Path, typer.Argument(help="The memory's folder.")]
_ROWS_SHOWN = 32


def create(
    folder: Folder,
    width: Annotated[int | None, typer.Option(min=1, help="Features of a vector.")] = None,
    values: Annotated[
        int | None,
        typer.Option(min=1, help="Features of the value that belongs to each vector, if any."),
    ] = None,
    texts: Annotated[bool, typer.Option("--texts", help="Keep texts instead of vectors.")] = False,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Language model that embeds the texts.")
    ] = None,
    capacity: Annotated[int | None, typer.Option(min=1, help="Patterns at most.")] = None,
    policy: Annotated[
        str,
        typer.Option(
            help="What goes when it is full: oldest, least-recent, least-surprising; or refuse."
        ),
    ] = "oldest",
) -> None:
    """Make an empty memory in a folder, of vectors or of texts."""
    from unfrozen.errors import MemoryShapeError
    from unfrozen.memory.store import MappedStore

    if texts == (width is not None) or (texts and values is not None):
        raise MemoryShapeError("give --width for a memory of vectors, or --texts for one of texts")
    if model is not None and not texts:
        raise MemoryShapeError("a memory of vectors needs no --model")
    if texts:
        from unfrozen.data.models import DEFAULT_MODEL
        from unfrozen.language.model import LanguageModel
        from unfrozen.language.recall import TextMemory

        lm = LanguageModel.from_pretrained(model or DEFAULT_MODEL)
        TextMemory.create(folder, lm, capacity=capacity, policy=policy)
    elif width is not None:
        MappedStore.create(folder, width, values, capacity=capacity, policy=policy)
    output().print(f"An empty memory is in {folder}", markup=False, soft_wrap=True)


def write(
    folder: Folder,
    texts: Annotated[list[str] | None, typer.Argument(help="Texts to remember.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help=".npy, .parquet, or a text a line."),
    ] = None,
    values: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Values that belong to the vectors.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Write vectors or texts. What was written before is kept, also if this is interrupted."""
    from unfrozen.errors import MemoryShapeError

    memory = _open(folder)
    if not hasattr(memory, "recall"):
        if texts or source is None:
            raise MemoryShapeError(f"{folder} holds vectors: give them with --from FILE")
        ids = _write_vectors(memory, source, values)
    else:
        lines = [*(texts or []), *(_lines(source) if source else [])]
        if source is not None and not lines:
            raise MemoryShapeError(f"{source} holds no text")
        if values is not None or not lines:
            raise MemoryShapeError(f"{folder} holds texts: give some, or --from FILE")
        ids = []
        with progress() as bars:
            report = reporter(bars)
            for start in range(0, len(lines), 64):
                ids += memory.write(lines[start : start + 64])
                report("Remembering", len(ids), len(lines))
    output(json).print(f"{len(ids)} written, {ids[0]} to {ids[-1]}")
    if json is not None:
        emit_json(json, {"ids": list(ids)})


def read(
    folder: Folder,
    text: Annotated[str | None, typer.Argument(help="What to look for.")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Queries: .npy or .parquet.")
    ] = None,
    k: Annotated[int, typer.Option("--top", min=1, help="How many patterns to show.")] = 5,
    beta: Annotated[
        float | None,
        typer.Option(help="Inverse temperature; 30 of texts, 1/sqrt(width) of vectors."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Updates before the answer is read.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the way and its energy.", callback=writable),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Read by likeness: the nearest patterns, what they weigh, and the answer of the whole."""
    from unfrozen.errors import MemoryShapeError

    memory = _open(folder)
    if not hasattr(memory, "recall"):
        if text is not None or source is None:
            raise MemoryShapeError(f"{folder} holds vectors: ask with --from FILE")
        _read_vectors(memory, source, k, beta, steps, out, json)
        return
    if text is None or source is not None or out is not None or steps != 1:
        raise MemoryShapeError(f"{folder} holds texts: ask with one text")
    from unfrozen.papers.claim import Table

    found = memory.recall(text, k, 30.0 if beta is None else beta)
    rows = tuple((r.id, r.similarity, r.weight, r.text) for r in found)
    print_table(
        Table(f"Most like “{text}”", ("id", "cosine", "weight", "text"), rows), output(json)
    )
    if json is not None:
        emit_json(json, [r.__dict__ for r in found])


def stats(
    folder: Folder,
    check: Annotated[
        bool, typer.Option("--check", help="Compare everything with its checksums.")
    ] = False,
    json: JsonOption = None,
) -> None:
    """Show what a memory holds."""
    from unfrozen.language.recall.texts import text_settings
    from unfrozen.memory.store import MappedStore
    from unfrozen.papers.claim import Table
    from unfrozen.papers.report import bytes_text

    store = MappedStore.open(folder)
    if check:
        store.verify()
    texts = text_settings(folder)
    size = sum(file.stat().st_size for file in folder.iterdir())
    found: dict[str, Any] = {
        "kind": "vectors" if texts is None else "texts",
        "model": None if texts is None else texts[0],
        "patterns": len(store),
        "features of a key": store.key_width,
        "features of a value": store.value_width if store.own_values else None,
        "deleted, not yet cleared": store.gone,
        "capacity": store.capacity,
        "policy": store.policy,
        "longest key": store.longest,
        "bytes": size,
    }
    rows = [(name, value) for name, value in found.items() if value is not None]
    rows[-1] = ("size", bytes_text(size))
    if check:
        rows.append(("checksums", "all right"))
    print_table(Table(str(folder), ("", "memory"), tuple(rows)), output(json))
    if json is not None:
        emit_json(json, found)


def forget(
    folder: Folder,
    ids: Annotated[list[int], typer.Argument(help="Ids, as `read` shows them.")],
) -> None:
    """Forget patterns by id. The words of forgotten texts are wiped from the folder."""
    memory = _open(folder)
    if hasattr(memory, "recall"):
        memory.forget(ids)
    else:
        memory.delete(ids)
    output().print(f"{len(set(ids))} forgotten, {len(memory)} left")


def _open(folder: Path) -> Any:
    """A memory of texts or of vectors, whichever the folder has."""
    from unfrozen.language.recall.texts import text_settings
    from unfrozen.memory.store import MappedStore

    if text_settings(folder) is None:
        return MappedStore.open(folder)
    from unfrozen.language.recall import TextMemory

    return TextMemory.open(folder)


def _lines(path: Path) -> list[str]:
    """The lines of a file that have something in them."""
    from unfrozen.errors import DataError

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _write_vectors(store: "MappedStore", source: Path, values: Path | None) -> range:
    from unfrozen.cli.memory.vectors import vectors
    from unfrozen.errors import DataError

    n, width, parts = vectors(source)
    others = None
    if values is not None:
        count, _, others = vectors(values)
        if count != n:
            raise DataError(f"{source} has {n} rows and {values} has {count}: one each is needed")
    if width != store.key_width:
        raise DataError(f"{source} has {width} features and the memory {store.key_width}")
    first, done = None, 0
    with progress() as bars:
        report = reporter(bars)
        for part in parts:
            ids = store.append(part, None if others is None else next(others))
            first = int(ids[0]) if first is None else first
            done += len(ids)
            report("Writing", done, n)
    first = first or 0
    return range(first, first + done)


def _read_vectors(
    store: "MappedStore",
    source: Path,
    k: int,
    beta: float | None,
    steps: int,
    out: Path | None,
    json: str | None,
) -> None:
    import torch

    from unfrozen.cli.memory.vectors import vectors
    from unfrozen.errors import MemoryShapeError
    from unfrozen.memory.store import fall, nearest, read
    from unfrozen.papers.claim import Table

    beta = 1 / math.sqrt(store.key_width) if beta is None else beta
    if len(store) == 0:
        raise MemoryShapeError("this memory is empty: write to it first")
    queries = torch.cat(list(vectors(source)[2]))
    asked = queries
    if steps > 1 or out is not None:
        way = fall(store, queries, beta, steps - 1)
        asked = way.states
        if out is not None:
            _draw(store, fall(store, queries[:7], beta, max(steps, 1)), out)
    found, answer = nearest(store, asked, k), read(store, asked, beta)
    weights = (beta * found.scores - answer.log_sum_exp[:, None]).exp()
    rows = [
        (q, int(i), float(s), float(w))
        for q in range(min(len(queries), _ROWS_SHOWN))
        for i, s, w in zip(found.ids[q], found.scores[q], weights[q], strict=True)
        if i >= 0
    ]
    note = f"beta {beta:.4g}, {steps} step{'s' if steps > 1 else ''}, {answer.method} reading"
    table = Table("Nearest patterns", ("query", "id", "product", "weight"), tuple(rows), note)
    console = output(json)
    print_table(table, console)
    if out is not None:
        console.print(f"Picture: {out}", markup=False, soft_wrap=True)
    if json is not None:
        entries = [
            {
                "values": answer.values[q].tolist(),
                "log_sum_exp": float(answer.log_sum_exp[q]),
                "nearest": [
                    {"id": int(i), "product": float(s), "weight": float(w)}
                    for i, s, w in zip(found.ids[q], found.scores[q], weights[q], strict=True)
                    if i >= 0
                ],
            }
            for q in range(len(queries))
        ]
        emit_json(json, {"beta": beta, "steps": steps, "queries": entries})


def _draw(store: "MappedStore", way: Any, out: Path) -> None:
    from unfrozen.data.cache import atomic_write
    from unfrozen.memory.hopfield.plots import falling

    some = store.get(store.ids[:2000])[0]
    figure = falling(way, some, f"Retrieval from {store.folder}")
    with atomic_write(out) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
