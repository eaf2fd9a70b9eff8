"""Seconds and memory of an update of TEM at full size: ours, or the port's, each in a process.

    python -m unfrozen.papers.tem.timing own 8
    python -m unfrozen.papers.tem.timing port 8 FOLDER

One line of JSON is printed: processor seconds of each update on one thread, and peak memory.
"""

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from unfrozen.errors import PaperError
from unfrozen.hippocampus.tem import PAPER, Tem
from unfrozen.hippocampus.tem.training import TrainingSettings, clip_each
from unfrozen.hippocampus.worlds import Walk, batch, draw_symbols, rectangle, walk
from unfrozen.papers.running.measure import peak_memory

# As the port trains: 16 walks, 20 steps, squares of five.
BATCH, WINDOW, _WIDTH = 16, 20, 5
# When schedules have run in, and no part is switched off.
_AT = 20_000


def measure(which: str, updates: int, folder: Path | None = None) -> dict[str, Any]:
    """Time some updates in a process of their own.

    Args:
        which: own or port.
        updates: how many; the first two are not counted.
        folder: of the port.

    Returns:
        ``seconds``, processor time of each counted update, ``memory``, the peak in bytes, and
        ``parameters``, how many there are.

    Raises:
        PaperError: it ended with an error.
    """
    command = [sys.executable, "-m", __name__, which, str(updates)]
    done = subprocess.run(
        command if folder is None else [*command, str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise PaperError(f"timing of TEM ({which}) failed: {last}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _walks(updates: int) -> Walk:
    world = batch([rectangle(_WIDTH, stay=True)] * BATCH)
    generator = torch.Generator().manual_seed(0)
    symbols = draw_symbols(world, PAPER.symbols, generator)
    return walk(world, symbols, updates * WINDOW, generator)


def _own(updates: int) -> tuple[list[float], int]:
    walks = _walks(updates)
    model = Tem(PAPER.for_world(rectangle(_WIDTH, stay=True)))
    optimizer, state = torch.optim.Adam(model.parameters()), model.start(BATCH)
    known, seconds = torch.ones(BATCH, WINDOW, dtype=torch.bool), []
    for i in range(updates):
        part = slice(i * WINDOW, (i + 1) * WINDOW)
        symbols, actions = walks.symbols[:, part], walks.actions[:, part]
        began = time.process_time()
        outputs, state = model.window(symbols, actions, state, at=_AT + i)
        loss = model.losses(outputs, symbols, known, at=_AT + i).total
        optimizer.zero_grad()
        loss.backward()
        clip_each(model.parameters(), TrainingSettings().clip)
        optimizer.step()
        seconds.append(time.process_time() - began)
    return seconds, sum(p.numel() for p in model.parameters())


def _port(updates: int, folder: str) -> tuple[list[float], int]:
    sys.path.insert(0, folder)
    parameters, model = importlib.import_module("parameters"), importlib.import_module("model")
    walks, settings = _walks(updates), parameters.parameters()
    settings["batch_size"], settings["n_rollout"] = BATCH, WINDOW
    tem, before, seconds = model.Model(settings), None, []
    optimizer = torch.optim.Adam(tem.parameters(), lr=settings["lr_max"])
    seen = torch.nn.functional.one_hot(walks.symbols, settings["n_x"]).float()
    # It is told the action that leaves a place, we the one that led there; its first one stays.
    stay = rectangle(_WIDTH, stay=True).actions.index("stay")
    taken = torch.where(walks.actions == stay, 0, walks.actions + 1)
    left = taken.roll(-1, 1)
    for i in range(updates):
        eta, decay, offset, _, _, weights = parameters.parameter_iteration(_AT + i, settings)
        tem.hyper.update({"eta": eta, "lambda": decay, "p2g_scale_offset": offset})
        steps = [
            [
                [{"id": place, "shiny": None} for place in walks.places[:, t].tolist()],
                seen[:, t],
                left[:, t].tolist(),
            ]
            for t in range(i * WINDOW, (i + 1) * WINDOW)
        ]
        began = time.process_time()
        found = tem(steps, before)
        loss = torch.stack(
            [(weights * torch.stack(list(step.L), -1)).mean(0).sum() for step in found]
        ).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds.append(time.process_time() - began)
        before = [found[-1].detach()]
    return seconds, sum(p.numel() for p in tem.parameters())


def main(which: str, updates: str, *folder: str) -> None:
    """Print what was measured."""
    torch.set_num_threads(1)
    seconds, parameters = _own(int(updates)) if which == "own" else _port(int(updates), *folder)
    # The first ones also reserve memory and warm up.
    found = {"seconds": seconds[2:], "memory": peak_memory(), "parameters": parameters}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
