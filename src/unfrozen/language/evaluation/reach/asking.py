"""How relations are asked in a roundabout way: their object described, and their object first."""

from typing import Literal, NamedTuple

Kind = Literal["city", "country"]
"""What an object is, of which other facts are known."""


class Asking(NamedTuple):
    """How a relation is asked without its own prompts.

    Attributes:
        backwards: a prompt with ``{}`` for the object, that ends right before the subject; empty
            where no one would ask so.
        described: the object in terms of its subject, which stands for ``{}``; empty where nothing
            more is known of such objects.
        kind: of the objects described.
    """

    backwards: str = ""
    described: str = ""
    kind: Kind | None = None


_IN_COUNTRY = Asking("One of the cities of {} is", "the country where {} lies", "country")
_ON_CONTINENT = Asking("One of the cities on the continent of {} is")
_SPOKEN_IN_CITY = Asking("One of the cities where people speak {} is")

ASKED: dict[str, Asking] = {
    # Relations that packages carry.
    "country_capital": Asking(
        "The city of {} is the capital of the country", "the capital of {}", "city"
    ),
    "country_continent": Asking("One of the countries on the continent of {} is"),
    "country_language": Asking("One of the countries whose official language is {} is"),
    "country_currency": Asking("One of the countries that pay in the currency {} is"),
    "city_country": _IN_COUNTRY,
    "town_country": _IN_COUNTRY,
    "city_continent": _ON_CONTINENT,
    "town_continent": _ON_CONTINENT,
    "city_language": _SPOKEN_IN_CITY,
    "town_language": _SPOKEN_IN_CITY,
    "us_city_state": Asking("One of the cities in the state of {} is"),
    "element_symbol": Asking("The chemical symbol {} stands for the element"),
    # Relations of Wikidata, as CounterFact names them.
    "P17": Asking("One of the places in {} is", "the country where {} is located", "country"),
    "P19": Asking("A person who was born in {} is", "the city where {} was born", "city"),
    "P20": Asking("A person who died in {} is", "the city where {} died", "city"),
    "P27": Asking("A citizen of {} is", "the country of which {} is a citizen", "country"),
    "P30": Asking("A part of the continent of {} is"),
    "P36": Asking("{} is the capital of", "the capital of {}", "city"),
    "P37": Asking("{} is the official language of"),
    "P39": Asking("A person who held the position of {} is"),
    "P101": Asking("A person who worked in the field of {} is"),
    "P103": Asking("A native speaker of {} is"),
    "P106": Asking("A person who worked as {} is"),
    "P108": Asking("A person who is employed by {} is"),
    "P127": Asking("{} is the owner of"),
    "P131": Asking("One of the places in {} is"),
    "P136": Asking("A performer of {} is"),
    "P138": Asking("{} gave the name to"),
    "P140": Asking("A follower of the religion {} is"),
    "P159": Asking(
        "An organisation with its headquarters in {} is",
        "the city where {} has its headquarters",
        "city",
    ),
    "P176": Asking("A product that is made by {} is"),
    "P178": Asking("A product that was developed by {} is"),
    "P190": Asking("The twin city of {} is", "the twin city of {}", "city"),
    "P264": Asking("A musician whose record label is {} is"),
    "P276": Asking("What can be found in {} is"),
    "P364": Asking("A work whose original language is {} is"),
    "P407": Asking("A work that was written in {} is"),
    "P413": Asking("A player in the position of {} is"),
    "P449": Asking("A programme that was first shown on {} is"),
    "P463": Asking("A member of {} is"),
    "P495": Asking("What was created in {} is", "the country where {} was created", "country"),
    "P641": Asking("A professional player of {} is"),
    "P740": Asking("What was founded in {} is", "the city where {} was founded", "city"),
    "P937": Asking("A person who worked in {} is", "the city where {} worked", "city"),
    "P1303": Asking("A player of the {} is"),
    "P1376": Asking("The capital of {} is"),
    "P1412": Asking("A person who speaks {} is"),
}
"""Name of a relation -> how it is asked; what is not here is not asked in a roundabout way."""
