"""From a call to its reply: inputs to the scheduler, answers to the outputs that were asked for."""

import asyncio
from concurrent.futures import Future
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import OverloadError, did_you_mean
from eeinfer.serving.alone import Later
from eeinfer.serving.config import PRIORITIES
from eeinfer.serving.scheduler import Scheduler
from eeinfer.serving.served import Served
from eeinfer.serving.web.calls import Call, Given, Reply, Wanted
from eeinfer.serving.web.datatypes import BYTES
from eeinfer.serving.web.failures import RequestError
from eeinfer.serving.web.images import decoded
from eeinfer.serving.web.models import Model, Models

USUAL = (Wanted(name="prediction"), Wanted(name="score"), Wanted(name="exit"))
_SLOW = (BYTES, "UINT8")  # decoding and scaling take milliseconds
OUTPUTS = ("prediction", "score", "exit", "logits", "near_tau", "late")


async def infer(models: Models, call: Call, max_pixels: int) -> Reply:
    """Answer a call; given up, it is cancelled in the scheduler too.

    Raises:
        RequestError: there is no such model or output, or the inputs are not what it takes.
        EeinferError: what a scheduler raises.
    """
    model = models.get(call.model, call.version)
    wanted = _wanted(call, model.engine.manifest)
    if any(given.datatype in _SLOW for given in call.inputs):
        ticket = await asyncio.to_thread(_submitted, models, model, call, max_pixels)
    else:
        ticket = _submitted(models, model, call, max_pixels)
    served = await asyncio.wrap_future(ticket)
    return _reply(call, model, wanted, served)


def infer_at_once(model: Model, call: Call, later: Later) -> Reply | None:
    """Answer a call before this returns, where that is quick and nobody else is served; None: `infer` takes it.

    Raises:
        RequestError: there is no such output.
        EeinferError: what a scheduler raises.
    """
    if call.priority not in (0, *PRIORITIES) or any(given.datatype in _SLOW for given in call.inputs):
        return None
    wanted = _wanted(call, model.engine.manifest)
    images = {given.name: given.data for given in call.inputs}
    served = model.scheduler.at_once(images, tau=call.tau, deadline_ms=call.deadline_ms, later=later)
    return None if served is None else _reply(call, model, wanted, served)


def _submitted(models: Models, model: Model, call: Call, max_pixels: int) -> "Future[Served]":
    images = {given.name: _image(given, model.engine.manifest, max_pixels) for given in call.inputs}
    submit = partial(
        Scheduler.submit, tau=call.tau, deadline_ms=call.deadline_ms, priority=call.priority, client=call.client
    )
    try:
        return submit(model.scheduler, images)
    except OverloadError as error:
        if not error.closing:
            raise
        later = models.get(call.model, call.version)  # it was swapped in between
        return submit(later.scheduler, images)


def _image(given: Given, manifest: Manifest, max_pixels: int) -> Any:
    if given.datatype != BYTES:
        return given.data
    for input in manifest.inputs:
        if input.tensor.name == given.name and input.preprocess is not None:
            return decoded(given.data, input.tensor.sizes()[0], max_pixels)
    raise RequestError(f"input {given.name!r} takes no encoded images; send its numbers")


def _wanted(call: Call, manifest: Manifest) -> tuple[Wanted, ...]:
    for wanted in call.outputs:
        if wanted.name not in OUTPUTS:
            raise RequestError(
                f"unknown output {wanted.name!r}; {did_you_mean(wanted.name, OUTPUTS)}outputs are {', '.join(OUTPUTS)}"
            )
        if wanted.classes and wanted.name != "logits":
            raise RequestError(f"output {wanted.name!r} cannot be classified; ask it of 'logits'")
        if not 0 <= wanted.classes <= len(manifest.classes):
            raise RequestError(f"classification is {wanted.classes}; the model has {len(manifest.classes)} classes")
    return call.outputs or USUAL


def _reply(call: Call, model: Model, wanted: tuple[Wanted, ...], served: Served) -> Reply:
    tensors: dict[str, NDArray[Any]] = {
        "prediction": served.predictions,
        "score": served.scores,
        "exit": served.exits,
        "logits": served.logits,
        "near_tau": served.near_tau,
        "late": served.late,
    }
    outputs = []
    for one in wanted:
        array = tensors[one.name]
        if one.classes:
            array = _named(array, model.engine.manifest.classes, one.classes)
        outputs.append((one, array))
    facts = {
        "degraded": served.degraded,
        "late": True in served.late.tolist(),
        "queue_ms": round(served.queue_ms, 3),
        "latency_ms": round(served.latency_ms, 3),
    }
    return Reply(call=call, version=model.version, outputs=tuple(outputs), parameters=facts)


def _named(logits: NDArray[Any], classes: tuple[str, ...], most: int) -> NDArray[Any]:
    """Return "value:index:label" for the largest logits of each row, as the protocol's extension writes it."""
    order = np.argsort(-logits, axis=1, kind="stable")[:, :most]
    rows = [[f"{logits[i, k]:f}:{k}:{classes[k]}".encode() for k in row] for i, row in enumerate(order.tolist())]
    named = np.empty(order.shape, object)
    named[...] = rows
    return named
