"""A paper that costs nothing: the mean of a fair die is 3.5."""

import random

from unfrozen.papers.claim import ClaimSpec, Figure, Measured, Outcome, Table

MEAN = ClaimSpec("dice.mean", "The mean of a fair die is <3.5>.", 3.5, "pips")
LOADED = ClaimSpec("dice.loaded", "Every die is loaded.", True, "")
BROKEN = ClaimSpec("dice.broken", "One can divide by the number of sides of a ball.", None, "1")
SKIPPED = ClaimSpec("dice.skipped", "Nobody looked.", 1, "")


def _divide():
    return Measured(1 / 0, holds=True)


class Dice:
    name = "dice"
    title = "On dice & <script>alert(1)</script>"
    citation = "Pacioli 1494"
    summary = "Throws dice."
    claims = (MEAN, LOADED, BROKEN, SKIPPED)

    def __init__(self):
        self.computed = []
        self.interrupt_at = None

    def run(self, budget, seed, context):
        import matplotlib.figure
        import torch

        def throw(number):
            if number == self.interrupt_at:
                raise KeyboardInterrupt
            self.computed.append(number)
            _ = torch.ones(10, 10) @ torch.ones(10, 10)
            return random.Random(f"{seed}-{number}").randint(1, 6)

        count = 40 if budget == "quick" else 400
        found = context.checkpoint("throws", {"sides": 6}, {str(i): i for i in range(count)}, throw)
        mean = sum(found.values()) / count
        figure = matplotlib.figure.Figure(figsize=(6, 3), layout="constrained")
        axes = figure.subplots()
        axes.hist(list(found.values()), bins=[0.5 + i for i in range(7)])
        axes.set(xlabel="pips", ylabel="throws")
        claims = (
            LOADED.measured(False, holds=False, note="no die was"),
            BROKEN.attempt(_divide),
            MEAN.measured(mean, deviation=0.1, holds=abs(mean - 3.5) < 0.5),
        )
        tables = (Table("Throws & <counts>", ("<b>", "n"), (("all", count),)),)
        return Outcome(claims, (Figure("Throws", figure, "a < b"),), tables)


EXPERIMENT = Dice()
