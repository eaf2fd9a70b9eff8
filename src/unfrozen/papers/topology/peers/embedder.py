"""Embeddings of a knowledge graph by PyKEEN: ``embedder.py FILE MODEL WIDTH RATE EPOCHS SEED``.

FILE has triples by number.  What is printed as JSON are filtered ranks, ties by their mean.
"""

import importlib
import json
import logging
import sys
import warnings
from pathlib import Path
from time import process_time

import numpy as np
import torch

_METRICS = {"mrr": "inverse_harmonic_mean_rank", "1": "hits_at_1", "10": "hits_at_10"}


def main() -> None:
    """Train, with the end chosen by the validation part."""
    path, model, width, rate, epochs, seed = sys.argv[1:]
    warnings.simplefilter("ignore")
    logging.disable()
    torch.set_num_threads(1)
    triples = importlib.import_module("pykeen.triples")
    pipeline = importlib.import_module("pykeen.pipeline").pipeline
    with np.load(Path(path)) as data:
        counts = {"num_entities": int(data["entities"]), "num_relations": int(data["relations"])}
        # Subjects are asked for as objects of the relation turned round.
        parts = {
            name: triples.CoreTriplesFactory(
                torch.from_numpy(data[name]), **counts, create_inverse_triples=name == "training"
            )
            for name in ("training", "validation", "testing")
        }
    begun = process_time()
    found = pipeline(
        **parts, model=model, model_kwargs={"embedding_dim": int(width)}, training_loop="LCWA",
        loss="crossentropy", optimizer="Adam", optimizer_kwargs={"lr": float(rate)},
        training_kwargs={"num_epochs": int(epochs), "batch_size": 256, "use_tqdm": False},
        stopper="early", device="cpu", random_seed=int(seed),
        stopper_kwargs={"frequency": 5, "patience": 4, "relative_delta": 1e-4,
                        "metric": _METRICS["mrr"], "evaluation_batch_size": 256},
        evaluation_kwargs={"batch_size": 256, "use_tqdm": False},
    )  # fmt: skip
    told = {
        name: float(found.metric_results.get_metric(f"both.realistic.{metric}"))
        for name, metric in _METRICS.items()
    }
    told["seconds"] = process_time() - begun
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
