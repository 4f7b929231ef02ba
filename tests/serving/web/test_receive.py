"""Bodies that do not come, and clients that leave before they are answered."""

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

pytest.importorskip("starlette")


async def never() -> Any:
    await asyncio.Event().wait()


async def leaves() -> Any:
    return {"type": "http.disconnect"}


def test_a_body_that_does_not_come_is_told_so() -> None:
    from eeinfer.serving.web.failures import RequestError
    from eeinfer.serving.web.http.receive import whole_body

    with pytest.raises(RequestError, match="did not arrive within") as late:
        asyncio.run(whole_body(never, {}, 10, 0.02))
    assert late.value.status == 408


@pytest.mark.parametrize(("length", "status"), [(b"0" * 5000 + b"9", 408), (b"0" * 5000, 408), (b"9" * 5000, 413)])
def test_a_length_of_thousands_of_digits_is_read_as_any_other(length: bytes, status: int) -> None:
    from eeinfer.serving.web.failures import RequestError
    from eeinfer.serving.web.http.receive import whole_body

    with pytest.raises(RequestError) as refused:
        asyncio.run(whole_body(never, {b"content-length": length}, 10, 0.02))
    assert refused.value.status == status


def test_who_leaves_gives_up_what_was_asked_and_who_stays_is_answered() -> None:
    from eeinfer.serving.web.http.receive import Gone, unless_gone

    async def ask(receive: Any, ticket: "Future[int]") -> int:
        return await unless_gone(receive, asyncio.wrap_future(ticket))

    given_up, answered = Future[int](), Future[int]()
    with pytest.raises(Gone):
        asyncio.run(ask(leaves, given_up))
    assert given_up.cancelled()
    answered.set_result(3)
    assert asyncio.run(ask(never, answered)) == 3


def test_being_stopped_from_outside_stays_that() -> None:
    from eeinfer.serving.web.http.receive import unless_gone, whole_body

    async def stopped(work: Any) -> None:
        task = asyncio.ensure_future(work)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stopped(whole_body(never, {}, 10, 5.0)))
    asyncio.run(stopped(unless_gone(never, never())))
