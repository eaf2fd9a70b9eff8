"""A life in a town that changes
================================

The agent explores, and does errands while a street closes.  Why did it go where it went?
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
