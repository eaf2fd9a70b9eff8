"""How fast are complexes built, and do layers pass messages on them, beside the field's own?"""

from benchmarks.topology import building, passing

QUESTION = "building complexes and passing messages on them, in processor seconds of one thread"


def run() -> dict[str, float]:
    """Building beside TopoNetX, layers beside TopoModelX and PyTorch Geometric."""
    return {**building.run(), **passing.run()}
