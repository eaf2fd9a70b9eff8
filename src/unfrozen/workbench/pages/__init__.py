"""The pages, in the order of the navigation: a new one is one more line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page of the workbench.

    Attributes:
        name: of its address, its routes (``/api/NAME``) and its folder in ``static/pages/``, which
            holds ``page.html``, ``page.css`` and ``page.js``.
        title: in the navigation.
        lead: the sentence below the title.
        router: ``module:name`` of its routes.
        slow: modules that its first answer would wait for, ``module`` or ``module:function`` to be
            called: they are imported in the background as soon as the workbench answers.
    """

    name: str
    title: str
    lead: str
    router: str
    slow: tuple[str, ...] = ()


PAGES: tuple[Page, ...] = (
    Page(
        "knowledge",
        "Knowledge",
        "Ask a language model, find where it keeps a fact, rewrite it, and take that back.",
        "unfrozen.workbench.pages.knowledge.router:router",
    ),
    Page(
        "memory",
        "Memory",
        "Store patterns, damage one, and watch it fall into what was stored.",
        "unfrozen.workbench.pages.memory.router:router",
        ("unfrozen.memory.hopfield",),
    ),
    Page(
        "map",
        "Map",
        "Walk a world by arrow keys, and see what a cognitive map makes of it and foresees.",
        "unfrozen.workbench.pages.map.router:router",
        (
            "unfrozen.workbench.pages.map.walking",
            "unfrozen.workbench.pages.map.cells",
        ),
    ),
    Page(
        "learning",
        "Learning",
        "Watch networks learn without backpropagation, stop them, and let them go on.",
        "unfrozen.workbench.pages.learning.router:router",
        ("unfrozen.workbench.pages.learning.running",),
    ),
    Page(
        "complexes",
        "Complexes",
        "Lift a graph to cells of higher ranks, draw it, and see its matrices and numbers.",
        "unfrozen.workbench.pages.complexes.router:router",
        (
            "unfrozen.workbench.pages.complexes.sources",
            "unfrozen.workbench.pages.complexes.building",
        ),
    ),
    Page(
        "agent",
        "Agent",
        "Watch an agent live in a town, change something, and see it recover.",
        "unfrozen.workbench.pages.agent.router:router",
        (
            "unfrozen.workbench.pages.agent.living",
            "unfrozen.workbench.pages.agent.steps",
        ),
    ),
    Page(
        "papers",
        "Papers",
        "What papers claim, beside what was measured here.",
        "unfrozen.workbench.pages.papers.router:router",
        ("unfrozen.workbench.pages.papers.records:prepare",),
    ),
)
