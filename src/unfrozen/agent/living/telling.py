"""Decisions as JSON, and records in files: what was believed, chosen and weighed, and why."""

import json
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

from unfrozen.agent.agent import Agent
from unfrozen.agent.living.life import Moment
from unfrozen.agent.planning import Option, Plan
from unfrozen.data.cache import atomic_write
from unfrozen.errors import AgentError
from unfrozen.world.costs import Attribution


def told_moment(agent: Agent, moment: Moment) -> dict[str, Any]:
    """A decision with its reasons."""
    decision, seen = moment.decision, moment.observation
    goal, belief = decision.goal, decision.belief
    # A plan is told where it is made; its later steps point at it by their number.
    plan = decision.plan if decision.at == 0 else None
    return {
        "time": belief.time,
        "step": moment.step,
        "place": belief.place,
        "action": decision.action,
        "mode": decision.mode,
        "at": decision.at,
        "goal": {"kind": goal.kind, "name": goal.name},
        "wanted": (decision.plan.goal if decision.plan else goal).kind,
        "cites": [list(cite) for cite in decision.cites],
        "seconds": decision.seconds,
        "plan": None if plan is None else _plan(plan),
        "seen": {
            "sight": int(seen["sight"][0]),
            "exits": [int(e) for e in seen["exits"][0]],
            "bumped": int(seen["bumped"][0]),
            "persons": [int(p) for p in seen["persons"][0]],
            "carried": int(seen["carried"][0]),
            "errand": str(seen["errand"][0]),
            "told": str(seen["told"][0]),
        },
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "actions": list(plan.actions),
        "places": list(plan.places),
        "energy": plan.energy,
        "terms": _terms(plan.terms),
        "options": [option_json(option) for option in plan.options],
        "retest": plan.retest,
    }


def option_json(option: Option) -> dict[str, Any]:
    """A way, what it is made of, and from which stored things."""
    return {
        "action": option.action,
        "energy": option.energy if math.isfinite(option.energy) else None,
        "terms": _terms(option.terms),
        "shut": list(option.shut),
    }


def _terms(terms: tuple[Attribution, ...]) -> list[dict[str, Any]]:
    return [
        {
            "term": term.term,
            "amount": term.amount,
            "sources": [[source.kind, source.id, source.share] for source in term.sources],
        }
        for term in terms
    ]


def write_record(path: Path, content: dict[str, Any]) -> None:
    """Keep a record as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content) + "\n")


def read_record(path: Path, names: Collection[str] = ()) -> dict[str, Any]:
    """A record that has these names at least.

    Raises:
        AgentError: it cannot be read, is damaged, or lacks a name.
    """
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise AgentError(
            f"{path} cannot be read: is {path.parent} the folder of a life?"
        ) from error
    except ValueError as error:
        raise AgentError(f"{path} is damaged: {error}") from error
    if not isinstance(found, dict):
        raise AgentError(f"{path} is damaged: it holds no record")
    if missing := sorted(set(names) - set(found)):
        raise AgentError(f"{path} is damaged: it lacks {', '.join(missing)}")
    return found
