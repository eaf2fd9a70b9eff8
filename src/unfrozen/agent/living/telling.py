"""Decisions as JSON: what was believed, chosen and weighed, and what it came from."""

import math
from typing import Any

from unfrozen.agent.agent import Agent
from unfrozen.agent.living.life import Moment
from unfrozen.agent.planning import Option, Plan
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
