"""A real Ray Serve on this machine over `eeinfer.serving.ray.app`: its replicas give the engine's answers."""

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rays
from numpy.typing import NDArray

import eeinfer
from eeinfer.errors import ConfigError, InputError, OverloadError
from eeinfer.serving import ServingConfig
from eeinfer.serving.ray import app

pytestmark = [pytest.mark.host, pytest.mark.filterwarnings("ignore")]  # of the packages that it brings


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with rays.running() as found:
        yield found


@pytest.fixture(scope="module")
def handle(address: str, tiny_bundle: Path) -> Any:
    from ray import serve

    application = app(tiny_bundle, num_replicas=2, ray_actor_options={"num_cpus": 1}, health_check_period_s=1)
    return serve.run(application, name="two", route_prefix="/two")


def images(rows: int) -> NDArray[np.float32]:
    return np.random.default_rng(rows).normal(0, 1, (rows, 1, 8, 8)).astype(np.float32)


def check(served: Any, alone: eeinfer.Result) -> None:
    np.testing.assert_array_equal(served.predictions, alone.predictions)
    np.testing.assert_array_equal(served.exits, alone.exits)
    np.testing.assert_allclose(served.scores, alone.scores, atol=1e-5)
    np.testing.assert_allclose(served.logits, alone.logits, atol=1e-4)


@pytest.mark.parametrize("tau", [None, 0.4, (0.9, 0.3, 0.0)])
def test_answers_are_those_of_the_engine(handle: Any, tiny_engine: eeinfer.Engine, tau: Any) -> None:
    given = images(6)
    check(handle.infer.remote(given, tau=tau, priority=1, deadline_ms=1e5).result(), tiny_engine(given, tau=tau))


def test_images_are_prepared_as_by_the_engine(handle: Any, tiny_engine: eeinfer.Engine) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (3, 8, 8, 1), np.uint8)
    check(handle.infer.remote(pixels).result(), tiny_engine(pixels))


def test_requests_at_the_same_time_get_their_own_answers(handle: Any, tiny_engine: eeinfer.Engine) -> None:
    given = [images(1 + number % 5) + number for number in range(100)]
    under_way = [handle.infer.remote(one, tau=0.5) for one in given]
    for one, reply in zip(given, under_way, strict=True):
        check(reply.result(timeout_s=60), tiny_engine(one, tau=0.5))


def test_what_is_refused_says_why(handle: Any) -> None:
    for options, text in (({"tau": 7}, "tau is 7.0"), ({"priority": 9}, "priority is 9"), ({"deadline_ms": -5}, "-5")):
        with pytest.raises(InputError) as refused:
            handle.infer.remote(images(1), **options).result()
        cause = refused.value.cause  # type: ignore[attr-defined]  # Ray's: what the replica raised
        assert text in str(cause)
        assert "\n" not in str(cause)
        assert type(cause) is InputError


def test_what_the_queue_does_not_hold_is_refused_with_a_hint(handle: Any) -> None:
    with pytest.raises(OverloadError) as refused:
        handle.infer.remote(images(ServingConfig().queue + 1)).result()
    assert refused.value.retry_after_s > 0


def test_replicas_are_added_where_there_is_work(address: str, tiny_bundle: Path) -> None:
    from ray import serve

    scaling = {"min_replicas": 1, "max_replicas": 2, "target_ongoing_requests": 1, "upscale_delay_s": 0}
    application = app(tiny_bundle, serving=ServingConfig(queue=10_000), autoscaling_config=scaling)
    scaled = serve.run(application, name="scaled", route_prefix="/scaled")

    def grown() -> bool:
        for reply in [scaled.infer.remote(images(64), tau=1.0) for _ in range(32)]:
            reply.result(timeout_s=60)
        return len(rays.replicas("scaled")) == 2

    rays.until(grown)


def test_the_protocol_is_answered_over_http(handle: Any, address: str, tiny_engine: eeinfer.Engine) -> None:
    triton = pytest.importorskip("tritonclient.http")
    client = triton.InferenceServerClient(f"{address}/two")
    assert client.is_server_ready()
    given = images(4)
    tensor = triton.InferInput("input", given.shape, "FP32")
    tensor.set_data_from_numpy(given)
    alone = tiny_engine(given, tau=0.4)
    reply = client.infer("tiny", [tensor], parameters={"tau": 0.4})
    np.testing.assert_array_equal(reply.as_numpy("prediction"), alone.predictions)
    np.testing.assert_array_equal(reply.as_numpy("exit"), alone.exits)
    for model, parameters, status in (("tiny", {"tau": 7}, "400"), ("other", {}, "404")):
        with pytest.raises(triton.InferenceServerException) as refused:
            client.infer(model, [tensor], parameters=parameters)
        assert refused.value.status() == status
    with pytest.raises(triton.InferenceServerException, match="deploy the application again"):
        client.load_model("tiny")
    client.close()


def test_exits_are_counted_for_prometheus(address: str, tiny_bundle: Path, tiny_engine: eeinfer.Engine) -> None:
    from ray import serve

    counting = serve.run(app(tiny_bundle), name="counting", route_prefix="/counting")
    given = images(40)
    exits = counting.infer.remote(given, tau=0.4).result().exits
    expected = {str(k): float(count) for k, count in zip(*np.unique(exits, return_counts=True), strict=True)}

    def counted() -> bool:
        lines = [line for line in rays.metrics().splitlines() if 'application="counting"' in line]
        found = [re.search(r'^ray_eeinfer_exits_total\{.*\bexit="(\d+)".*\} (\S+)$', line) for line in lines]
        return {one[1]: float(one[2]) for one in found if one} == expected

    rays.until(counted)
    serve.delete("counting")


def test_a_replica_that_is_killed_comes_back_and_the_other_goes_on(handle: Any, tiny_engine: eeinfer.Engine) -> None:
    given, alone = images(2), tiny_engine(images(2))
    before = rays.until(lambda: len(found := rays.replicas("two")) == 2 and found)
    os.kill(before[0], signal.SIGKILL)

    def answered(_: int) -> bool:
        with contextlib.suppress(Exception):  # what the dead one had taken ends with an error of Ray's
            check(handle.infer.remote(given).result(timeout_s=60), alone)
            return True
        return False

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(answered, range(100))) >= 50
    after = rays.until(lambda: len(found := rays.replicas("two")) == 2 and before[0] not in found and found)
    os.kill(before[1], signal.SIGKILL)  # so that the new one has to answer
    rays.until(lambda: answered(0))
    assert before[1] in after


def test_an_option_that_ray_does_not_know_is_refused(tiny_bundle: Path) -> None:
    pytest.importorskip("ray.serve", reason="no Ray Serve here; .ci/hosts installs it and runs this test")
    with pytest.raises(ConfigError, match="unknown option of a Ray Serve deployment 'replicas'"):
        app(tiny_bundle, replicas=2)
    with pytest.raises(ConfigError, match="max_batch"):
        app(tiny_bundle, serving=ServingConfig(max_batch=0))
