"""Run all benchmarks, or those named: ``python -m benchmarks [NAME ...] [--json FILE]``."""

import argparse
import importlib
import json
import sys
from pathlib import Path

from unfrozen.data.cache import write_json

NAMES = (
    "tracing", "editing", "batches", "recall", "precision", "reading", "mapped", "maps",
    "zeroth_order", "optics", "growing", "lifting", "topology", "planning", "environments",
    "workbench",
)  # fmt: skip


def main() -> None:
    """Run them and print a line each; JSON beside it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(NAMES)}; all by default")
    parser.add_argument("--json", type=Path, help="write the figures to a file as well")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - set(NAMES))
    if unknown:
        sys.exit(f"error: there is no benchmark {unknown[0]!r}: choose from {', '.join(NAMES)}")
    found = {}
    for name in chosen.names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"{name}: {module.QUESTION}", flush=True)
        found[name] = module.run()
        for key, value in found[name].items():
            print(f"  {key:58} {value:>12.4g}", flush=True)
    if chosen.json is not None:
        write_json(chosen.json, found)
        print(json.dumps({"written": str(chosen.json)}))


if __name__ == "__main__":
    main()
