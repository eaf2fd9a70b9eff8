"""The application: its pages, its routes, and what stands before them."""

import importlib
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from unfrozen.workbench.jobs.router import router as jobs
from unfrozen.workbench.pages import PAGES, Page
from unfrozen.workbench.security.guard import Guard
from unfrozen.workbench.server.bench import Bench
from unfrozen.workbench.server.replies import answer_errors
from unfrozen.workbench.server.shell import shell
from unfrozen.workbench.settings import Settings

STATIC = Path(__file__).parents[1] / "static"


def create_app(settings: Settings, pages: Sequence[Page] = PAGES) -> FastAPI:
    """The workbench as an ASGI application.

    Args:
        settings: where it will be served, and over which folder.
        pages: in the order of the navigation.
    """
    bench = Bench(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        bench.models.prepare(bench.jobs)
        threading.Thread(target=_import, args=(pages,), daemon=True).start()
        yield
        bench.jobs.close()

    app = FastAPI(
        title="unfrozen", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )
    app.state.bench = bench
    answer_errors(app)
    app.include_router(jobs, prefix="/api/jobs")
    for page in pages:
        module, name = page.router.split(":")
        router = getattr(importlib.import_module(module), name)
        app.include_router(router, prefix=f"/api/{page.name}")
    app.include_router(shell(pages))
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_middleware(Guard, settings=settings)
    return app


def _import(pages: Sequence[Page]) -> None:
    for page in pages:
        for slow in page.slow:
            # A page that lacks what it needs says so itself, when it is asked.
            with suppress(Exception):
                name, _, function = slow.partition(":")
                module = importlib.import_module(name)
                if function:
                    getattr(module, function)()
