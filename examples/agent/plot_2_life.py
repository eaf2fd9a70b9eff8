r"""A life in a town that changes
=============================

LeCun (2022) proposes an agent of modules: perception, world model, memory, costs, an actor, and a
configurator. This one explores a town, and does errands while a street closes. A way :math:`w` is
chosen by the least energy, a sum of terms that each know the stored things they came from:

.. math::

   F(w) = \sum_i \lambda_i \sum_t C_i(s_t, a_t).

So every step can be asked why.
"""

import tempfile
from pathlib import Path

from unfrozen.agent.living.explaining import DIRECTIONS, explain
from unfrozen.agent.living.figures import plot_life
from unfrozen.agent.living.folder import LifeFolder

folder = Path(tempfile.mkdtemp()) / "life"
life = LifeFolder.create(folder)
lived = list(life.live(8))
step = life.errand(3)["moments"][0]["time"]
found = explain(life, step)
print(f"{found.asked} It goes {DIRECTIONS[found.decision.action]} from {found.place}, since")
for slot in found.slots:
    print(f"  {slot.told} ({slot.kind} {slot.id}, {slot.entry})")
figure = plot_life(lived, life.settings.make().tables.lives[0].schedule.changes, "Eight errands")

# %%
# **What to look at.** Each errand's steps beside the fewest that would do. What an errand taught is
# an entry of a log: ``life.workspace.revert("errand 3")`` takes it back, and ``life.agent()`` is
# then the agent that never lived it. Whole lives are compared with frozen, amnesic and fine-tuned
# agents by ``unfrozen reproduce ami``; success after a change, as a share of that before:
# :claim:`ami.town-recovery`.
