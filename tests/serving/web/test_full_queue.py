"""A full queue refuses over HTTP before a body is read as tensors."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eeinfer.serving import Observer, ServingConfig

pytest.importorskip("starlette")
pytest.importorskip("prometheus_client")


class Stopped(Observer):
    """Keeps the scheduler in its first turn, and counts."""

    def __init__(self) -> None:
        self.begun, self.go_on, self.count = threading.Event(), threading.Event(), 0

    def stepped(self, k: int, rows: int, seconds: float) -> None:
        self.begun.set()
        self.go_on.wait(20)

    def refused(self) -> None:
        self.count += 1


@pytest.fixture
def stopped() -> Iterator[Stopped]:
    found = Stopped()
    yield found
    found.go_on.set()


def posted(app: Any, body: bytes) -> tuple[int, Any, dict[bytes, bytes]]:
    async def exchange() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        path = "/v2/models/tiny/infer"
        await app({"type": "http", "method": "POST", "path": path, "headers": [], "client": ("me", 1)}, receive, send)
        return sent

    head, tail = asyncio.run(exchange())
    return head["status"], json.loads(tail["body"]), dict(head["headers"])


def test_it_is_told_before_anything_is_wrong_with_the_body(tiny_bundle: Path, stopped: Stopped) -> None:
    from eeinfer.serving.web.http.app import http_app
    from eeinfer.serving.web.models import Models
    from eeinfer.serving.web.settings import ServerSettings
    from eeinfer.serving.web.state import State

    settings = ServerSettings(bundles=(tiny_bundle,), serving=ServingConfig(queue=2))
    models = Models(settings, lambda *_: stopped)
    models.load_all()
    app, scheduler = http_app(State(settings=settings, models=models)), models.get("tiny").scheduler
    assert posted(app, b"no JSON")[0] == 400
    image = np.zeros((1, 1, 8, 8), np.float32)
    taken = [scheduler.submit(image)]
    assert stopped.begun.wait(20)
    taken += [scheduler.submit(image) for _ in range(2)]
    status, told, headers = posted(app, b"no JSON")
    assert (status, "2 rows wait" in told["error"], stopped.count) == (503, True, 1)
    assert int(headers[b"retry-after"]) >= 1
    stopped.go_on.set()
    assert all(len(ticket.result(20)) == 1 for ticket in taken)
    models.close()
