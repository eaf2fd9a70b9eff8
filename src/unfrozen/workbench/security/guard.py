"""What stands before every route: host, token, origin and size are checked, headers are set.

A page of another site can make a browser send requests here.  It cannot read the token, its cookie
is not sent along (``SameSite=Strict``), the browser says where a request comes from, and a name
that was made to point at this machine is not the host we answer to.
"""

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unfrozen.workbench.settings import LOOPBACK, Settings

_SAFE = {"GET", "HEAD"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ANYWHERE = ("0.0.0.0", "::")


class Guard:
    """The middleware.

    Args:
        app: what it guards.
        settings: of the workbench.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it in one line."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = (
            self._wrong_host(headers)
            or self._wrong_token(scope, headers)
            or self._wrong_origin(scope, headers)
        )
        limit = self._limit(headers)
        length = headers.get("content-length", "")
        if refused is None and length.isdecimal() and int(length) > limit:
            refused = _refuse(413, f"{int(length):,} bytes are too many: {limit:,} are taken")
        if refused is not None:
            await refused(scope, receive, self._answering(scope, send))
            return
        await self._app(scope, _limited(receive, limit), self._answering(scope, send))

    def _limit(self, headers: Headers) -> int:
        json = headers.get("content-type", "").startswith("application/json")
        return self._settings.most_json_bytes if json else self._settings.most_bytes

    def _wrong_host(self, headers: Headers) -> Response | None:
        """A name that leads here but is not ours may be somebody else's page (DNS rebinding)."""
        host = headers.get("host", "")
        name, port = _split(host)
        own = {self._settings.host, LOOPBACK, "localhost", "::1"}
        known = name in own or (self._settings.host in _ANYWHERE and _is_number(name))
        if known and port == self._settings.port:
            return None
        return _refuse(403, f"{host!r} is not this workbench: open {self._settings.address}")

    def _wrong_token(self, scope: Scope, headers: Headers) -> Response | None:
        token = self._settings.token
        for given in (
            _cookie(headers.get("cookie", ""), self._settings.cookie),
            headers.get("authorization", "").removeprefix("Bearer "),
            _entry_token(scope),
        ):
            if given and hmac.compare_digest(given.encode(), token.encode()):
                return None
        told = "open the address that `unfrozen workbench` printed, with its token"
        if scope["path"].startswith(("/api/", "/static/")):
            return _refuse(401, f"no token, or not this workbench's: {told}")
        return HTMLResponse(_STRANGER.format(told=told.replace("`", "")), 401)

    def _wrong_origin(self, scope: Scope, headers: Headers) -> Response | None:
        """Whether another page sent this; pages of other ports count as other pages."""
        entering = scope["path"] == "/" and scope["method"] in _SAFE
        told = "the request comes from another page: only this workbench's own are answered"
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{headers.get('host', '')}":
            return _refuse(403, told)
        site = headers.get("sec-fetch-site", "none")
        page = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in _SAFE
        api = scope["path"].startswith("/api/")
        if site not in ("same-origin", "none") and not entering and (api or not page):
            return _refuse(403, told)
        by_cookie = "authorization" not in headers
        if scope["method"] not in _SAFE and origin is None and by_cookie:
            return _refuse(403, told)
        return None

    def _answering(self, scope: Scope, send: Send) -> Send:
        """Sends with our headers, and with the cookie to whoever came with the token."""
        token = self._settings.token
        entered = hmac.compare_digest(_entry_token(scope).encode(), token.encode())

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                # Files may change with the next version; asking whether they did is cheap here.
                headers["Cache-Control"] = (
                    "no-cache" if scope["path"].startswith("/static/") else "no-store"
                )
                if entered and message["status"] < 400:
                    headers.append(
                        "Set-Cookie",
                        f"{self._settings.cookie}={token}; Path=/; HttpOnly; SameSite=Strict",
                    )
            await send(message)

        return sending


def _limited(receive: Receive, limit: int) -> Receive:
    """Receives so many bytes at most, whatever the request said of its length."""
    seen = 0

    async def receiving() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            from starlette.exceptions import HTTPException

            raise HTTPException(413, f"too many bytes: {limit:,} are taken")
        return message

    return receiving


def _refuse(status: int, told: str) -> Response:
    return JSONResponse({"error": told}, status)


def _split(host: str) -> tuple[str, int]:
    """Name and port of a Host header."""
    name, _, port = host.rpartition(":")
    if not name or not port.isdecimal():
        name, port = host, "80"
    return name.strip("[]"), int(port)


def _is_number(name: str) -> bool:
    """Whether a host is an address, which nobody can make point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _entry_token(scope: Scope) -> str:
    """The token of an address; it counts at the door only, so that it stands in no other."""
    if scope["path"] != "/":
        return ""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query.get("token", [""])[0]


_STRANGER = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not let in · unfrozen</title>
<style>:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 20vh auto 0;
padding: 0 1.25rem; }}</style>
<main><h1>This page needs its token</h1><p>To get in, {told}.</p></main>
</html>
"""
