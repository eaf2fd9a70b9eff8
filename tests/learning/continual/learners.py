"""Each learner in turn, small enough for tests."""

from unfrozen.learning.continual import LEARNERS, class_incremental, make

STREAM = class_incremental("digits", 5, seed=0)
INPUTS = STREAM.inputs
LIMIT = 20_000

_SETTINGS = {
    "fine-tuning": {"hidden": (16,)},
    "replay": {"hidden": (16,), "limit": LIMIT},
    "ewc": {"hidden": (16,), "samples": 20},
    "continual-backprop": {"hidden": (16,), "replacement": 1e-2, "maturity": 10},
    "least-squares": {"features": 30},
    "hopfield": {"limit": LIMIT},
    "mezo": {"rate": 0.05, "updates": 30},
}


def small(name, seed=0, **settings):
    return make(name, INPUTS, seed, **{**_SETTINGS.get(name, {}), **settings})


NAMES = tuple(LEARNERS)
