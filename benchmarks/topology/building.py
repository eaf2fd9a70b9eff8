"""Meshes as combinatorial complexes with all their matrices, beside TopoNetX."""

from unfrozen.papers.topology.building import beside, power, timed

LEVELS = (4, 5, 6, 7)
# What TopoNetX takes grows with the square of the cells: seconds, then minutes, and an hour at the
# next level.
PEER_LEVELS = (4, 5)
TIMES = 5


def run() -> dict[str, float]:
    """Time and memory of the library, how they grow, and those of TopoNetX."""
    found: dict[str, float] = {}
    own = {level: timed(level, TIMES) for level in LEVELS}
    for level, each in own.items():
        size = f"building {each['cells']:,} cells"
        found[f"{size}, library, ms"] = 1e3 * each["seconds"]
        found[f"{size}, library, peak MB"] = each["peak"] / 1e6
        if level in PEER_LEVELS:
            theirs = beside(level)
            found[f"{size}, TopoNetX, ms"] = 1e3 * theirs["seconds"]
            found[f"{size}, TopoNetX, peak MB"] = theirs["peak"] / 1e6
            found[f"{size}, library faster, times"] = theirs["seconds"] / each["seconds"]
            found[f"{size}, matrices are the same"] = float(theirs["same"])
    grows = power([each["cells"] for each in own.values()], [e["seconds"] for e in own.values()])
    return {**found, "building, time grows with cells to the power": grows}
