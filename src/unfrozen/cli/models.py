"""``unfrozen models``: the language models that load by name here."""

from typing import Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table

EXAMPLES = {
    "models": (
        "unfrozen models                 what loads by name, and what is cached",
        "unfrozen models --json -        the same as JSON",
    )
}


def models(
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write JSON to a file, or - for stdout.")
    ] = None,
) -> None:
    """List the language models that load by name here.

    Besides these, any causal language model of the Hugging Face hub and any local folder with one
    can be named where a model is asked for.
    """
    import dataclasses

    from unfrozen.data.models import DEFAULT_MODEL, available_models
    from unfrozen.papers.claim import Table
    from unfrozen.papers.report import bytes_text

    found = available_models()
    rows = tuple(
        (
            model.name + (" (default)" if model.name == DEFAULT_MODEL else ""),
            model.parameters,
            model.licence,
            model.source,
            model.cached,
            bytes_text(model.bytes),
        )
        for model in found
    )
    columns = ("name", "parameters", "licence", "source", "cached", "size")
    print_table(Table("Models", columns, rows), output(json))
    if json is not None:
        emit_json(json, [dataclasses.asdict(model) for model in found])
