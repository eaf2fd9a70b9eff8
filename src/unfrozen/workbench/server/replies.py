"""What a route answers when it refuses: JSON with one line that says what to do."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from unfrozen.errors import UnfrozenError

_log = logging.getLogger("unfrozen.workbench")

REFUSED = 422


def one_line(error: Exception) -> str:
    """What went wrong, in one line; of a bug of ours, its kind as well."""
    text = " ".join(str(error).split())
    if isinstance(error, UnfrozenError):
        return text
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror or text}{where}: free some space, or name a place to write to"
    kind = type(error).__name__
    return f"a bug of unfrozen, please report it with what you did: {kind}: {text}"


def answer_errors(app: FastAPI) -> None:
    """Have an application answer every error as JSON."""

    @app.exception_handler(UnfrozenError)
    def ours(_: Request, error: UnfrozenError) -> JSONResponse:
        return JSONResponse({"error": one_line(error)}, REFUSED)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return JSONResponse({"error": f"{where or 'request'}: {first['msg']}"}, REFUSED)

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code)

    @app.exception_handler(Exception)
    def bug(_: Request, error: Exception) -> JSONResponse:
        _log.error("a route failed", exc_info=error)
        return JSONResponse({"error": one_line(error)}, 500)
