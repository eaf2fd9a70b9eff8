"""The frame of every page: one HTML file around the page's own."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from unfrozen.workbench.pages import Page

_STATIC = Path(__file__).parents[1] / "static"


def shell(pages: Sequence[Page]) -> APIRouter:
    """The routes of the pages themselves; ``/`` leads to the first.

    Args:
        pages: in the order of the navigation.
    """
    router = APIRouter(default_response_class=HTMLResponse)
    for page in pages:
        router.add_api_route(f"/{page.name}", _show(page, pages), methods=["GET"], name=page.name)

    @router.get("/")
    def first(request: Request) -> Response:
        if "token" not in request.query_params:
            return RedirectResponse(f"/{pages[0].name}")
        # A page that leads on, since a cookie that was set on a redirect from elsewhere is held
        # back by browsers until a page of our own asks.
        return HTMLResponse(_filled("enter.html", first=f"/{pages[0].name}"))

    return router


def _show(page: Page, pages: Sequence[Page]) -> Callable[[], HTMLResponse]:
    def show() -> HTMLResponse:
        return HTMLResponse(render(page, pages))

    return show


def render(page: Page, pages: Sequence[Page]) -> str:
    """A page as HTML.

    Args:
        page: which.
        pages: of the navigation.
    """
    links = "\n".join(
        f'<li><a href="/{one.name}"{" aria-current=page" if one == page else ""}>'
        f"{escape(one.title)}</a></li>"
        for one in pages
    )
    body = (_STATIC / "pages" / page.name / "page.html").read_text(encoding="utf-8")
    return _filled(
        "shell.html",
        title=escape(page.title),
        lead=escape(page.lead),
        name=page.name,
        navigation=links,
        body=body,
    )


def _filled(file: str, **parts: str) -> str:
    text = (_STATIC / file).read_text(encoding="utf-8")
    for key, value in parts.items():
        text = text.replace(f"{{{{{key}}}}}", value)
    return text
