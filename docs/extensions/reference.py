"""The reference of a floor: every public class and function, found by walking its modules.

A page that has ``%% reference unfrozen.memory %%`` on a line of its own gets that package there,
a section a package.  A name is told where users take it from: from the package nearest to the root
that lists it in ``__all__``, or else from its module.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PLACE = re.compile(r"^%% reference ([\w.]+) %%$", re.MULTILINE)
# Literals, roles and plain words between backquotes, which are markup already.
_MARKED = re.compile(r"(``.+?``|:[\w:]+:`[^`]+`|`[^`]+`)")


def modules(package: str) -> Iterator[ModuleType]:
    """A package and all public modules below it, in the order of their names."""
    root = importlib.import_module(package)
    yield root
    paths = getattr(root, "__path__", None)
    for found in sorted(pkgutil.iter_modules(paths), key=lambda one: one.name) if paths else ():
        if not found.name.startswith("_"):
            yield from modules(f"{package}.{found.name}")


def own(module: ModuleType) -> dict[str, Any]:
    """Public classes and functions that a module itself defines, in its order."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
        and value.__qualname__ == name
        and value.__doc__
    }


def home(module: str, name: str) -> str:
    """The package that users take a name from, or its module."""
    parts = module.split(".")
    for depth in range(2, len(parts)):
        package = ".".join(parts[:depth])
        if name in getattr(importlib.import_module(package), "__all__", ()):
            return package
    return module


def section(package: str) -> str:
    """All of a package, as Markdown with directives of autodoc."""
    homes: dict[str, list[tuple[str, str]]] = {}
    told: dict[str, str] = {}
    for module in modules(package):
        told[module.__name__] = inspect.getdoc(module) or ""
        for name, value in own(module).items():
            kind = "function"
            if inspect.isclass(value):
                kind = "exception" if issubclass(value, BaseException) else "class"
            homes.setdefault(home(module.__name__, name), []).append((name, kind))
    lines = []
    for place in sorted(homes):
        lines += [f"## `{place}`", "", "```{eval-rst}"]
        lines += [f".. py:currentmodule:: {place}", "", *marked(told[place]), ""]
        links = " ".join(f'<a href="#{place}.{n}"><code>{n}</code></a>' for n, _ in homes[place])
        lines += [".. raw:: html", "", f'   <p class="names">{links}</p>', ""]
        for name, kind in homes[place]:
            lines.append(f".. auto{kind}:: {place}.{name}")
            lines += ["   :members:", ""] if kind != "function" else [""]
        lines += ["```", ""]
    return "\n".join(lines)


def places(root: str = "unfrozen") -> dict[str, str]:
    """Name -> where it is told, of names that only one thing has."""
    found: dict[str, str | None] = {}
    for module in modules(root):
        for name in own(module):
            full = f"{home(module.__name__, name)}.{name}"
            found[name] = None if name in found else full
    return {name: full for name, full in found.items() if full is not None}


def marked(text: str) -> list[str]:
    """The docstring of a module, in which indented lines are shown as they are."""
    found: list[str] = []
    for line in escaped(text.split("\n")):
        before = next((one for one in reversed(found) if one), "")
        if line.startswith("    ") and not before.startswith("    "):
            found += ["::", ""]
        found.append(line.replace("\\", "") if line.startswith("    ") else line)
    return found


def escaped(lines: list[str]) -> list[str]:
    """Lines of a docstring in which only what is between backquotes is markup."""
    return [
        line
        if line.lstrip().startswith((">>>", "...", "* ", "*", ".. "))
        else "".join(
            part if i % 2 else re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", part)
            for i, part in enumerate(_MARKED.split(line))
        )
        for line in lines
    ]


def setup(app: "Sphinx") -> dict[str, Any]:
    """Hook into Sphinx."""

    def fill(app: "Sphinx", name: str, source: list[str]) -> None:
        """Put a package where a page asks for it."""
        source[0] = PLACE.sub(lambda found: section(found[1]), source[0])

    def escape(app: "Sphinx", what: str, name: str, obj: Any, options: Any, lines: list[str]):
        """What docstrings have of mathematics is no markup."""
        lines[:] = escaped(lines)

    def skip(app: "Sphinx", what: str, name: str, obj: Any, skipped: bool, options: Any):
        """Fields of a NamedTuple are told by its docstring."""
        return True if type(obj).__name__ == "_tuplegetter" else None

    known: dict[str, str] = {}

    def look(app: "Sphinx", *_: Any):
        """Import all once, before processes that read pages are made."""
        known.update(places())

    def point(app: "Sphinx", doctree: Any):
        """Types that are named in docstrings are looked up here: Sphinx would compare all names."""
        from sphinx.addnodes import pending_xref

        for node in doctree.findall(pending_xref):
            if node.get("refdomain") == "py" and node.get("refspecific"):
                node["refspecific"] = False
                node["reftarget"] = known.get(node["reftarget"], node["reftarget"])

    def shorten(
        app: "Sphinx", what: str, name: str, obj: Any, options: Any, signature: Any, returned: Any
    ):
        """Types as they are written: without the modules that they come from."""

        def short(text: str | None) -> str | None:
            return text and re.sub(r"~?\b(?!unfrozen\.)(?:[a-z_]\w*\.)+(?=[A-Z])", "", text)

        return short(signature), short(returned)

    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", escape, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-signature", shorten)
    app.connect("env-before-read-docs", look)
    app.connect("doctree-read", point)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
