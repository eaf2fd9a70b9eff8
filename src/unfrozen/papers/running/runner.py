"""Find a paper's experiment by name, run it, and keep its record and its report."""

import importlib
import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from filelock import FileLock, Timeout

from unfrozen.data.cache import write_json
from unfrozen.data.models import DEFAULT_MODEL
from unfrozen.errors import PaperError
from unfrozen.papers.claim import Budget, Claim, Experiment, Outcome, RunRecord
from unfrozen.papers.report import report_link, write_report
from unfrozen.papers.running import measure
from unfrozen.papers.running.code import code_hash, imported
from unfrozen.papers.running.context import Progress, RunContext

REGISTRY: dict[str, str] = {
    "causal-tracing": "unfrozen.papers.causal_tracing",
    "rome": "unfrozen.papers.rome",
    "memit": "unfrozen.papers.memit",
    "sequential": "unfrozen.papers.sequential",
    "recall": "unfrozen.papers.recall",
    "graph": "unfrozen.papers.knowledge_graph",
    "hopfield": "unfrozen.papers.hopfield",
    "energy-transformer": "unfrozen.papers.energy_transformer",
    "tem": "unfrozen.papers.tem",
    "tem-t": "unfrozen.papers.tem_t",
    "cognitive-map": "unfrozen.papers.cognitive_map",
    "mezo": "unfrozen.papers.mezo",
    "forward-forward": "unfrozen.papers.forward_forward",
    "continual": "unfrozen.papers.continual",
    "optical": "unfrozen.papers.optical",
    "topology": "unfrozen.papers.topology",
    "jepa": "unfrozen.papers.jepa",
    "ami": "unfrozen.papers.ami",
}
"""Name of a paper -> the module that holds its ``EXPERIMENT``."""

ALIASES: dict[str, str] = {"tracing": "causal-tracing"}
"""Other names by which a paper is found."""

REPORTS = Path("reports")
"""Where reports go unless another folder is named."""


@dataclass(frozen=True)
class Run:
    """A run that ended.

    Attributes:
        record: its claims and what they cost.
        outcome: its figures and tables as well.
        report: the HTML page.
        json: the record as a file; in ``results/`` for a full run of a checkout's own.
        tables: every table as a file, beside the report.
    """

    record: RunRecord
    outcome: Outcome
    report: Path
    json: Path
    tables: Path


def names() -> tuple[str, ...]:
    """The papers that can be run."""
    return tuple(REGISTRY)


def resolve(name: str) -> str:
    """The name in the registry that a name or alias, however capitalised, stands for.

    Raises:
        PaperError: there is no such paper.
    """
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    wanted = ALIASES.get(wanted, wanted)
    if wanted not in REGISTRY:
        raise PaperError(f"there is no paper {name!r}: choose from {', '.join(names())}")
    return wanted


def load(name: str) -> Experiment:
    """The experiment of a paper.

    Raises:
        PaperError: there is no such paper.
    """
    return _module(resolve(name)).EXPERIMENT


def run(
    name: str,
    budget: Budget = "full",
    seed: int = 0,
    *,
    model: str = DEFAULT_MODEL,
    facts: Path | None = None,
    out: Path = REPORTS,
    fresh: bool = False,
    progress: Progress | None = None,
    results: Path | None = None,
) -> Run:
    """Run a paper's experiment and keep what it found.

    An interrupted run is resumed by the same call: finished items are kept beside the reports.

    Args:
        name: of the paper.
        budget: "full" for the figures to be reported, "quick" for minutes.
        seed: of everything that is drawn.
        model: name of the language model.
        facts: the user's facts, a file or a folder; None for those that the project finds.
        out: folder of reports.
        fresh: forget what an earlier run left.
        progress: a rich progress bar, None for silence.
        results: folder for the record of a full run with default seed, model and facts; None
            for ``results`` of the checkout, if there is one.

    Raises:
        PaperError: the paper is unknown, the facts are missing, or the folder is in use.
        DataError: the disk is full or refuses.
    """
    name = resolve(name)
    if facts is not None and not facts.exists():
        raise PaperError(f"there are no facts at {facts}: name a file or a folder")
    module = _module(name)
    experiment: Experiment = module.EXPERIMENT
    folder = out / "work" / name
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / "work" / f"{name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise PaperError(
            f"another run of {name} is using {out}: wait for it, or name another folder"
        ) from None
    try:
        if fresh:
            shutil.rmtree(folder)
            folder.mkdir()
        commit = measure.commit()  # as the code is now, before hours in which it may change
        meter = measure.Meter()
        context = RunContext(
            folder=folder,
            model=model,
            seed=seed,
            facts=facts,
            progress=progress,
            meter=meter,
            code=_code(module),
        )
        with meter:
            outcome = experiment.run(budget, seed, context)
        record = RunRecord(
            paper=name,
            budget=budget,
            claims=_in_order(experiment, outcome),
            seconds=round(meter.seconds, 3),
            peak_memory_bytes=meter.peak_memory_bytes,
            flops=meter.flops,
            seeds=(seed,),
            versions=measure.versions(),
            machine=measure.machine() | _elsewhere(meter),
            commit=commit,
        )
        own = budget == "full" and seed == 0 and model == DEFAULT_MODEL and facts is None
        again = _command(name, budget, seed, model, facts, out)
        return _keep(record, outcome, experiment, out, results if own else out, again)
    finally:
        lock.release()


def read_record(path: Path) -> RunRecord:
    """Read the record of a run.

    Raises:
        PaperError: it is missing or not a record.
    """
    try:
        return RunRecord.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise PaperError(f"cannot read the record {path}: {error}") from error
    except PaperError as error:
        raise PaperError(f"{path}: {error}") from error


def kept_records() -> Mapping[str, RunRecord]:
    """The full runs whose records the checkout keeps, by paper; empty without a checkout."""
    folder = _results()
    if folder is None:
        return {}
    paths = {name: folder / f"{name}.json" for name in names()}
    return {name: read_record(path) for name, path in paths.items() if path.is_file()}


def _elsewhere(meter: measure.Meter) -> dict[str, str]:
    return {"parts_computed_on": "; ".join(sorted(meter.elsewhere))} if meter.elsewhere else {}


def _module(name: str) -> ModuleType:
    return importlib.import_module(REGISTRY[name])


def _code(module: ModuleType) -> str:
    """Hash of what computes: the experiment itself and all that it imports."""
    if module.__file__ is None:
        return ""
    package = Path(__file__).resolve().parents[2]
    # How runs are kept and told does not change what they find.
    told = [package / "papers" / part for part in ("running", "claim.py", "report.py")]
    return code_hash(imported(Path(module.__file__).resolve(), package, told), package)


def _in_order(experiment: Experiment, outcome: Outcome) -> tuple[Claim, ...]:
    """A claim for every one declared: one that was not measured does not hold, and says so."""
    found = {claim.id: claim for claim in outcome.claims}
    unknown = set(found) - {spec.id for spec in experiment.claims}
    if unknown or len(found) != len(outcome.claims):
        raise PaperError(
            f"{experiment.name} measured claims twice or undeclared: "
            f"{', '.join(sorted(unknown)) or 'twice'}"
        )
    return tuple(
        found.get(spec.id) or spec.failed("was not measured in this run")
        for spec in experiment.claims
    )


def _results() -> Path | None:
    root = measure.checkout()
    return None if root is None else root / "results"


def _keep(
    record: RunRecord,
    outcome: Outcome,
    experiment: Experiment,
    out: Path,
    results: Path | None,
    command: str,
) -> Run:
    """Write record and report."""
    stem = record.paper if record.budget == "full" else f"{record.paper}-{record.budget}"
    data = (results or _results() or out) / f"{stem}.json"
    page = out / f"{stem}.html"
    write_json(data, record.to_json())
    numbers = out / f"{stem}-tables.json"
    write_json(numbers, [table.to_json() for table in (*outcome.tables, *outcome.details)])
    link = report_link(page, data)
    write_report(record, outcome, page, experiment=experiment, command=command, data=link)
    return Run(record, outcome, page, data, numbers)


def _command(
    name: str, budget: Budget, seed: int, model: str, facts: Path | None, out: Path
) -> str:
    """The command line that makes this run again."""
    words = ["unfrozen", "reproduce", name]
    words += ["--quick"] if budget == "quick" else []
    words += ["--seed", str(seed)] if seed else []
    words += ["--model", model] if model != DEFAULT_MODEL else []
    words += ["--facts", str(facts)] if facts is not None else []
    words += ["--out", str(out)] if out != REPORTS else []
    return shlex.join(words)
