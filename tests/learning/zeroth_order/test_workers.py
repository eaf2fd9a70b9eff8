"""Workers that share a batch: as many processes as torchrun starts, and the weights of one."""

import os
import subprocess
import sys

import pytest
import torch

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order import MeZO
from unfrozen.learning.zeroth_order.workers import Workers, rejoin, standing

SCRIPT = """
import sys
import torch
import torch.distributed as dist
from torch import nn
from unfrozen.learning.zeroth_order import MeZO
from unfrozen.learning.zeroth_order.workers import Workers, rejoin

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
model = nn.Linear(6, 3)
base = {n: p.detach().clone() for n, p in model.named_parameters()}
x, y = torch.randn(24, 6, dtype=torch.float32), torch.randn(24, 3)
workers = Workers()
make = lambda model: MeZO(model.named_parameters(), lr=1e-2, samples=2, exchange=workers)
optimizer = make(model)
parts = [slice(24 * r // size, 24 * (r + 1) // size) for r in range(size)]
loss = lambda part: lambda: nn.functional.mse_loss(model(x[part]), y[part])
lost = size > 2
for step in range(20):
    if lost and step == 12 and rank == 1:
        # Everything is lost; all that is left is the base.
        with torch.no_grad():
            for n, p in model.named_parameters():
                p.copy_(base[n])
        optimizer = make(model)
    if lost and step == 12:
        ahead = workers.share(optimizer)
        if rank == 1:
            rejoin(optimizer, dict(model.named_parameters()), ahead)
    optimizer.step(loss(parts[rank]))
state = {n: p.detach() for n, p in model.named_parameters()}
torch.save({"state": state, "bytes": workers.bytes}, f"{sys.argv[1]}/{rank}.pt")
# One process with the whole batch, part by part.
with torch.no_grad():
    for n, p in model.named_parameters():
        p.copy_(base[n])
alone = MeZO(model.named_parameters(), lr=1e-2, samples=2)
for step in range(20):
    alone.step([loss(part) for part in parts])
torch.save({n: p.detach() for n, p in model.named_parameters()}, f"{sys.argv[1]}/alone-{rank}.pt")
with torch.no_grad():
    for n, p in model.named_parameters():
        p.copy_(base[n])
whole = MeZO(model.named_parameters(), lr=1e-2, samples=2)
for step in range(20):
    whole.step(loss(slice(0, 24)))
torch.save({n: p.detach() for n, p in model.named_parameters()}, f"{sys.argv[1]}/whole-{rank}.pt")
dist.destroy_process_group()
"""


@pytest.mark.parametrize("size", [2, 4])
def test_workers_end_where_one_process_does(size, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, f"--nproc-per-node={size}", str(script), str(tmp_path)],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(size)]
    alone, whole = (torch.load(tmp_path / f"{name}-0.pt") for name in ("alone", "whole"))
    for name in alone:
        # The same on all workers and in one process that adds up the same parts, to the bit.
        assert all(torch.equal(one["state"][name], alone[name]) for one in found)
        # Of the whole batch in one piece, but for how its mean is rounded.
        torch.testing.assert_close(alone[name], whole[name], atol=1e-4, rtol=1e-3)
    # Two samples of two sides, and a weight: five numbers a step to each other worker.
    assert {one["bytes"] for one in found} == {20 * 5 * 8 * (size - 1)}


def test_there_must_be_processes():
    with pytest.raises(LearningError, match="torchrun"):
        Workers()


def test_a_worker_rejoins_from_where_it_is_and_only_a_run_of_its_own():
    def made():
        weights = {"a": torch.ones(300)}
        return weights, MeZO(weights.items(), lr=1e-3)

    (ahead, first), (behind, second), (other, third) = made(), made(), made()
    for step in range(9):
        first.step(lambda: float(ahead["a"].sum()))
        if step < 4:
            second.step(lambda: float(behind["a"].sum()))
            third.step(lambda: float(-other["a"].sum()))
    there = standing(first)
    rejoin(second, behind, there)
    assert torch.equal(behind["a"], ahead["a"])
    assert second.steps == 9
    with pytest.raises(LearningError, match="does not go on"):
        rejoin(third, other, there)
    # It cuts what is too much as the other does, too.
    for _ in range(6):
        first.step(lambda: float(ahead["a"].sum()))
        second.step(lambda: float(behind["a"].sum()))
    first.step(lambda: 1e5 * float(ahead["a"].sum()))
    second.step(lambda: 1e5 * float(behind["a"].sum()))
    assert torch.equal(behind["a"], ahead["a"])
    assert torch.equal(first.record.gradients, second.record.gradients)
