"""Heads: which of a model's attention heads average, and which choose."""

from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.models import Models
from unfrozen.workbench.pages.memory.schemas import HeadsIn, HeadsOut


def heads(models: Models, asked: HeadsIn, handle: Handle) -> HeadsOut:
    """Sort the heads of a state by how many patterns carry most of their weight."""
    from unfrozen.language.covariance import SelfGenerated
    from unfrozen.language.heads import analyse_heads
    from unfrozen.memory.diagnostics import MASS

    state = models.open(asked.where, handle)
    state.lm.check_length(asked.length)
    handle.report("Writing text to read", 0, asked.rows)
    found = analyse_heads(
        state.lm,
        asked.rows,
        SelfGenerated(asked.seed, asked.length),
        progress=lambda done, total: handle.report("Reading", done, total),
    )
    return HeadsOut(
        state=state.text,
        corpus=found.corpus,
        length=found.length,
        queries=found.queries,
        mass=MASS,
        patterns=[list(row) for row in found.patterns],
        share=[list(row) for row in found.share],
        first=[list(row) for row in found.first],
        classes=[list(row) for row in found.classes],
    )
