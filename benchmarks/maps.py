"""How fast are walks and updates of maps, and how fast is TEM beside its port?"""

import time

import torch

from unfrozen.errors import PaperError
from unfrozen.hippocampus.presets import trainer, training_of
from unfrozen.hippocampus.worlds import N_SYMBOLS, batch, draw_symbols, named, walk
from unfrozen.papers.tem.port import find_port
from unfrozen.papers.tem.timing import measure

QUESTION = "walks and updates of maps, and TEM beside its PyTorch port"
WALKS, STEPS, UPDATES = 1024, 1000, 8


def run() -> dict[str, float]:
    """Walk, train a few updates, and time TEM at full size beside the port if it can be had."""
    generator = torch.Generator().manual_seed(0)
    grid = named("grid")
    worlds = batch([grid.draw(generator) for _ in range(WALKS)])
    symbols = draw_symbols(worlds, N_SYMBOLS, generator)
    began = time.perf_counter()
    walk(worlds, symbols, STEPS, generator, grid.walk)
    found = {"million steps walked a second": WALKS * STEPS / (time.perf_counter() - began) / 1e6}
    for name in ("tem-t-rotary", "tem-t"):
        runner = trainer(name, training_of(name))
        runner.update()
        before = runner.progress.seconds
        for _ in range(UPDATES):
            runner.update()
        found[f"{name}, seconds an update"] = (runner.progress.seconds - before) / UPDATES
    own = measure("own", UPDATES + 2)
    found["tem, seconds an update"] = min(own["seconds"])
    found["tem, peak GB"] = own["memory"] / 1e9
    try:
        folder = find_port()
    except PaperError:
        # Without the port there is nothing to be measured against.
        return found
    port = measure("port", UPDATES + 2, folder)
    found["tem, times as fast as the port"] = min(port["seconds"]) / min(own["seconds"])
    found["tem, times less memory than the port"] = port["memory"] / own["memory"]
    return found
