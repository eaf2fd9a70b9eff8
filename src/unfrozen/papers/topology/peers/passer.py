"""One way of passing messages, in a process of its own: `passer.py SYSTEM TASK FILE`.

It reads a structure, weights and features from FILE, writes what comes out and its gradients beside
it, and prints processor seconds and peak memory as JSON.  It runs in other environments too, and so
imports nothing at its top but what is there.
"""

import importlib
import json
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[4]))
from unfrozen.papers.running.growth import measured

Step = Callable[[], dict[str, Any]]
TIMES, ENOUGH, LIMIT = 15, 8.0, 18 * 2**30
# Which arrays of the file ask for gradients.
ASKING = ("x", "w", "a")


def main() -> None:
    """Measure the way that is asked for."""
    system, task, path = sys.argv[1:4]
    # More than the machine has is refused at once, rather than by the kernel later.
    resource = importlib.import_module("resource")
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with np.load(path) as data:
        given = {name: torch.from_numpy(data[name]) for name in data.files}
    asked = {n: own.requires_grad_() for n, own in given.items() if n.split("_")[0] in ASKING}
    forward = WAYS[system, task](given)

    def step() -> dict[str, Any]:
        for own in asked.values():
            own.grad = None
        out = forward()
        torch.autograd.backward(list(out.values()), [given[f"g_{name}"] for name in out])
        return out

    # What torch imports at its first backward is not counted for any.
    warm = torch.ones(1, requires_grad=True)
    torch.autograd.backward([warm * 1], [torch.ones(1)])
    out, _, peak = measured(step)
    best, spent = math.inf, 0.0
    for turn in range(TIMES):
        begun = process_time()
        step()
        best = min(best, process_time() - begun)
        spent += process_time() - begun
        if spent > ENOUGH and turn > 0:
            break
    gradients = {f"gradient of {n}": own.grad for n, own in asked.items() if own.grad is not None}
    result = {**out, **gradients}
    np.savez(
        Path(path).with_suffix(f".{system}.npz"),
        **{name: own.detach().numpy() for name, own in result.items()},
    )
    sys.stdout.write(json.dumps({"seconds": best, "peak": peak}) + "\n")


def attention_of_library(given: dict[str, Any]) -> Step:
    """One block."""
    topology = importlib.import_module("unfrozen.topology")
    layers = importlib.import_module("unfrozen.topology.layers")
    width = given["w_s"].shape[1]
    layer = layers.MutualAttention(
        topology.incidence(1, 2), width, width, generator=torch.Generator()
    )
    mesh, h = _mesh(given, [layer.relation]), {1: given["x_1"], 2: given["x_2"]}

    def forward() -> dict[str, Any]:
        own = {
            "weight_of_source": given["w_s"], "weight_of_target": given["w_t"],
            "a_source": given["a_s"][None], "a_target": given["a_t"][None],
        }  # fmt: skip
        out = torch.func.functional_call(layer, own, (h, mesh))
        return {"1": out[1], "2": out[2]}

    return forward


def attention_of_topomodelx(given: dict[str, Any]) -> Step:
    """One block."""
    module = importlib.import_module("topomodelx.nn.combinatorial.hmc_layer")
    width = given["w_s"].shape[1]
    layer = module.HBNS(width, width, width, width, softmax=True)
    near = _sparse(given, "12", 1, 2)

    def forward() -> dict[str, Any]:
        a = torch.cat([given["a_s"], given["a_t"]])[:, None]
        own = {"w_s": given["w_s"], "w_t": given["w_t"], "att_weight": a}
        two, one = torch.func.functional_call(layer, own, (given["x_2"], given["x_1"], near))
        return {"1": one, "2": two}

    return forward


def attention_of_pyg(given: dict[str, Any]) -> Step:
    """Two layers, one for each way."""
    nn = importlib.import_module("torch_geometric.nn")
    width = given["w_s"].shape[1]
    down, up = (nn.GATConv((width, width), width, add_self_loops=False, bias=False) for _ in "ab")
    edges, faces = len(given["x_1"]), len(given["x_2"])
    upwards = given["near_12"]
    downwards = upwards.flip(0).contiguous()

    def one_way(layer: Any, names: str, pair: Any, index: Any, size: Any) -> Any:
        one, other = names
        own = {
            "lin_src.weight": given[f"w_{one}"].T, "lin_dst.weight": given[f"w_{other}"].T,
            "att_src": given[f"a_{one}"][None, None], "att_dst": given[f"a_{other}"][None, None],
        }  # fmt: skip
        return torch.func.functional_call(layer, own, (pair, index), {"size": size})

    def forward() -> dict[str, Any]:
        x, y = given["x_2"], given["x_1"]
        return {
            "1": one_way(down, "st", (x, y), downwards, (faces, edges)),
            "2": one_way(up, "ts", (y, x), upwards, (edges, faces)),
        }

    return forward


# Source and target of each map of a simplicial convolution.
ROUTES = ((0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (1, 2), (2, 2))


def convolution_of_library(given: dict[str, Any]) -> Step:
    """Seven convolutions, merged by rank."""
    topology = importlib.import_module("unfrozen.topology")
    layers = importlib.import_module("unfrozen.topology.layers")
    width, generator = given["w_00"].shape[1], torch.Generator()
    b = {pair: topology.incidence(*pair) for pair in ((0, 1), (1, 2))}
    relations = {
        (0, 0): topology.adjacency(0), (1, 1): topology.adjacency(1),
        (2, 2): topology.coadjacency(2), (1, 0): b[0, 1], (0, 1): b[0, 1].T, (2, 1): b[1, 2],
        (1, 2): b[1, 2].T,
    }  # fmt: skip
    parts = [
        layers.Convolution(relations[route], width, width, generator=generator) for route in ROUTES
    ]
    layer = layers.Merge(*parts, beta=torch.sigmoid)
    mesh = _mesh(given, list(relations.values()))
    h = {rank: given[f"x_{rank}"] for rank in (0, 1, 2)}

    def forward() -> dict[str, Any]:
        own = {f"branches.{i}.weight": given[f"w_{a}{b}"] for i, (a, b) in enumerate(ROUTES)}
        out = torch.func.functional_call(layer, own, (h, mesh))
        return {str(rank): x for rank, x in out.items()}

    return forward


def convolution_of_topomodelx(given: dict[str, Any]) -> Step:
    """The layer of simplicial complexes."""
    module = importlib.import_module("topomodelx.nn.simplicial.sccn_layer")
    layer = module.SCCNLayer(given["w_00"].shape[1], 2)
    features = {f"rank_{rank}": given[f"x_{rank}"] for rank in (0, 1, 2)}
    incidences = {
        f"rank_{high}": _sparse(given, f"{high - 1}{high}", high - 1, high) for high in (1, 2)
    }
    adjacencies = {
        f"rank_{rank}": _sparse(given, f"{rank}{rank}", rank, rank) for rank in (0, 1, 2)
    }
    kinds = {0: "convs_same_rank", 1: "convs_low_to_high", -1: "convs_high_to_low"}

    def forward() -> dict[str, Any]:
        own = {
            f"{kinds[target - source]}.rank_{target}.weight": given[f"w_{source}{target}"]
            for source, target in ROUTES
        }
        out = torch.func.functional_call(layer, own, (features, incidences, adjacencies))
        return {name[-1]: x for name, x in out.items()}

    return forward


def _mesh(given: dict[str, Any], relations: list[Any]) -> Any:
    """The complex, with the matrices that others are given."""
    made = importlib.import_module("unfrozen.topology").Complex(
        {1: given["edges"].numpy(), 2: given["faces"].numpy()}
    )
    for relation in relations:
        made.neighbourhood(relation)
    return made


def _sparse(given: dict[str, Any], name: str, target: int, source: int) -> Any:
    index = given[f"near_{name}"]
    shape = (len(given[f"x_{target}"]), len(given[f"x_{source}"]))
    return torch.sparse_coo_tensor(index, torch.ones(index.shape[1]), shape).coalesce()


WAYS: dict[tuple[str, str], Callable[[dict[str, Any]], Step]] = {
    ("library", "attention"): attention_of_library,
    ("TopoModelX", "attention"): attention_of_topomodelx,
    ("PyG", "attention"): attention_of_pyg,
    ("library", "convolution"): convolution_of_library,
    ("TopoModelX", "convolution"): convolution_of_topomodelx,
}


if __name__ == "__main__":
    main()
