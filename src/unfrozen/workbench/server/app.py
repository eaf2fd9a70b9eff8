"""The application: its pages, its routes, and what stands before them."""

import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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
