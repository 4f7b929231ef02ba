"""The protocol over HTTP, as an ASGI application."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from eeinfer.serving.web.failures import RequestError
from eeinfer.serving.web.http.inferring import Answer, asked, call_of, told, written
from eeinfer.serving.web.http.openapi import openapi
from eeinfer.serving.web.http.receive import Gone, unless_gone, whole_body
from eeinfer.serving.web.inference import infer
from eeinfer.serving.web.metadata import model_metadata, server_metadata
from eeinfer.serving.web.page.render import HEADERS, page
from eeinfer.serving.web.state import State
from eeinfer.serving.web.traffic import traffic

_MODEL = "/v2/models/{model}"
_VERSION = "/v2/models/{model}/versions/{version}"

Endpoint = Callable[[Request], Awaitable[Response]]


def http_app(state: State, *, with_page: bool = True) -> ASGIApp:
    """Return the application: inferences take the short way, everything else the router's.

    Args:
        state: of the server.
        with_page: whether a browser finds the page, which draws what this server's processes have counted.
    """
    router = Starlette(
        routes=[*_routes(state), *(_page_routes(state) if with_page else ())],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.endswith("/infer") or scope["method"] != "POST":
            await router(scope, receive, send)
            return
        await _answer_inference(state, path, scope, receive, send)

    return app


async def _answer_inference(state: State, path: str, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        state.enter()
        try:
            status, body, headers = await _inference(state, path, scope, receive)
        finally:
            state.leave()
    except Gone:
        return
    except Exception as error:
        status, body, headers = told(error)
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            state.turned_away("body")
    headers = [(b"content-length", str(len(body)).encode()), *headers]
    if state.draining:  # who asks on is to do so elsewhere: sent while the connection is closed, it would be lost
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _inference(state: State, path: str, scope: Scope, receive: Receive) -> Answer:
    headers, settings = dict(scope["headers"]), state.settings
    model, version = asked(state, path, headers)
    raw = await whole_body(receive, headers, settings.max_body_bytes, settings.body_timeout_s)
    state.models.get(model, version).scheduler.check_not_full()  # reading what is refused afterwards takes longest
    call = call_of(raw, headers, model, version, scope["client"][0] if scope.get("client") else "")
    return written(await unless_gone(receive, infer(state.models, call, settings.max_pixels)))


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.endswith("/infer"):  # with POST it would not have come here
        return _json({"error": f"an inference is asked for with POST, not {request.method}"}, 405)
    return _json({"error": f"{error.detail.lower()}; the protocol's paths begin with /v2"}, error.status_code)


async def _failed(_: Request, error: Exception) -> Response:
    status, body, headers = told(error)
    return Response(body, status_code=status, headers={name.decode(): value.decode() for name, value in headers})


def _routes(state: State) -> list[Route]:
    models = state.models

    async def live(_: Request) -> Response:
        return _json({"live": True})

    async def ready(_: Request) -> Response:
        return _json({"ready": state.ready}, 200 if state.ready else 503)

    async def server(_: Request) -> Response:
        return _json(server_metadata())

    async def model_ready(request: Request) -> Response:
        models.get(**_which(request))
        return _json({"name": request.path_params["model"], "ready": True})

    async def model(request: Request) -> Response:
        return _json(model_metadata(models.get(**_which(request))))

    async def index(request: Request) -> Response:
        raw = await whole_body(request.receive, {}, state.settings.max_body_bytes, state.settings.body_timeout_s)
        only_ready = _index_body(raw)
        return _json([row for row in models.index() if row["state"] == "READY" or not only_ready])

    async def load(request: Request) -> Response:
        state.check_alone()
        await asyncio.to_thread(models.load, request.path_params["model"])
        return _json({})

    async def unload(request: Request) -> Response:
        state.check_alone()
        await asyncio.to_thread(models.unload, request.path_params["model"])
        return _json({})

    async def description(_: Request) -> Response:
        return _json(openapi())

    found = [Route("/v2/health/live", live), Route("/v2/health/ready", ready)]
    for path, endpoint, method in (
        ("/v2", server, "GET"),
        ("/v2/", server, "GET"),
        (f"{_MODEL}/ready", model_ready, "GET"),
        (f"{_VERSION}/ready", model_ready, "GET"),
        (_MODEL, model, "GET"),
        (_VERSION, model, "GET"),
        ("/v2/repository/index", index, "POST"),
        ("/v2/repository/models/{model}/load", load, "POST"),
        ("/v2/repository/models/{model}/unload", unload, "POST"),
        ("/openapi.json", description, "GET"),
    ):
        found.append(Route(path, _guarded(state, endpoint), methods=[method]))
    return found


def _page_routes(state: State) -> list[Route]:
    async def shown(_: Request) -> Response:
        return Response(page(), media_type="text/html", headers=HEADERS)

    async def counted(_: Request) -> Response:
        return _json(await asyncio.to_thread(traffic))

    return [Route("/", shown), Route("/live", _guarded(state, counted))]


def _guarded(state: State, endpoint: Endpoint) -> Endpoint:
    async def checked(request: Request) -> Response:
        try:
            state.check_token(request.headers.get("authorization"))
            return await endpoint(request)
        except RequestError as error:
            return await _failed(request, error)
        except Gone:  # the client left in the middle of its body, so nobody reads this
            return Response(status_code=499)

    return checked


def _which(request: Request) -> dict[str, str]:
    return {"name": request.path_params["model"], "version": request.path_params.get("version", "")}


def _index_body(raw: bytes) -> bool:
    if not raw.strip():
        return False
    try:
        return bool(msgspec.json.decode(raw, type=dict[str, Any]).get("ready", False))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the body is no JSON object: {error}") from error
