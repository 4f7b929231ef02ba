"""A real Triton over the repositories that `eeinfer export --triton` writes: its clients get the engine's answers."""

import queue
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritons

import eeinfer
from eeinfer.bench.serving.run import LoadPlan, load_server
from eeinfer.export.triton.api import export_triton
from eeinfer.export.triton.config import TritonConfig
from eeinfer.progress import silent

pytestmark = pytest.mark.host
BUNDLES = ("tiny", "words", "scripted")
OUTPUTS = ("prediction", "score", "exit", "logits", "near_tau", "late")


@pytest.fixture(scope="module")
def triton(
    tiny_bundle: Path, words_bundle: Path, scripted_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tritons.Triton]:
    tritons.wheel()
    folder = tmp_path_factory.mktemp("triton")
    repositories = []
    for bundle in (tiny_bundle, words_bundle, scripted_bundle):
        repositories.append(export_triton(bundle, folder / bundle.stem))
        other = shutil.copytree(bundle, folder / f"{bundle.stem}_parts.eeb")
        repositories.append(export_triton(other, folder / other.stem, TritonConfig(segments="python")))
    with tritons.running(repositories, folder) as found:
        yield found


def client_of(kind: str, triton: tritons.Triton) -> tuple[Any, Any]:
    module = pytest.importorskip(f"tritonclient.{kind}")
    return module, module.InferenceServerClient(triton.http if kind == "http" else triton.grpc)


def given_for(model: str, rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(rows)
    if model == "words":
        mask = rng.integers(0, 2, (rows, 7)).astype(bool)
        mask[:, 0] = True
        scale = rng.uniform(0.5, 2, rows).astype(np.float32)
        return {"ids": rng.integers(0, 20, (rows, 7)), "mask": mask, "scale": scale}
    if model == "scripted":
        numbers = rng.uniform(0, 1, (rows, 4)).astype(np.float32)
        numbers[:, 3] = np.arange(rows)
        return {"input": numbers}
    return {"input": rng.normal(0, 1, (rows, 1, 8, 8)).astype(np.float32)}


def asked(module: Any, given: dict[str, np.ndarray]) -> list[Any]:
    from tritonclient.utils import np_to_triton_dtype

    inputs = []
    for name, array in given.items():
        array = array if array.ndim > 1 else array[:, None]
        inputs.append(module.InferInput(name, array.shape, np_to_triton_dtype(array.dtype)))
        inputs[-1].set_data_from_numpy(array)
    return inputs


def check(reply: Any, alone: eeinfer.Result) -> None:
    for name, wanted in (("prediction", alone.predictions), ("exit", alone.exits), ("score", alone.scores)):
        np.testing.assert_allclose(reply.as_numpy(name)[:, 0], wanted, atol=1e-5)
    np.testing.assert_allclose(reply.as_numpy("logits"), alone.logits, atol=1e-4)
    np.testing.assert_array_equal(reply.as_numpy("near_tau")[:, 0], alone.near_tau)
    assert not reply.as_numpy("late").any()


@pytest.mark.parametrize("form", ["", "_parts"])
@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_answers_are_those_of_the_engine(
    triton: tritons.Triton, kind: str, form: str, request: pytest.FixtureRequest
) -> None:
    module, client = client_of(kind, triton)
    for model in BUNDLES:
        engine = eeinfer.load(request.getfixturevalue(f"{model}_bundle"), threads=1)
        for rows, tau in ((1, None), (6, 0.4), (6, [0.9, 0.3, 0.0][: len(engine.tau)])):
            given = given_for(model, rows)
            parameters = {} if tau is None else {"tau": ",".join(map(str, np.atleast_1d(tau)))}
            outputs = [module.InferRequestedOutput(name) for name in OUTPUTS]
            reply = client.infer(f"{model}{form}", asked(module, given), outputs=outputs, parameters=parameters)
            check(reply, engine(given, tau=tau))
    client.close()


def test_a_stream_answers_each_request_by_itself(triton: tritons.Triton, tiny_engine: eeinfer.Engine) -> None:
    module, client = client_of("grpc", triton)
    found: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.start_stream(lambda result, error: found.put((result, error)))
    given = [given_for("tiny", rows) for rows in range(1, 9)]
    for number, one in enumerate(given):
        inputs = asked(module, one)
        client.async_stream_infer("tiny_stream", inputs, request_id=str(number), parameters={"tau": "0.5"})
    client.async_stream_infer("tiny_stream", asked(module, given[0]), request_id="bad", parameters={"tau": "7"})
    for _ in range(len(given)):
        reply, error = found.get(timeout=30)
        if error is not None:  # the stream does not say whose error it is
            assert "INVALID_ARG: tau is 7" in str(error)
            reply, error = found.get(timeout=30)
        assert error is None
        check(reply, tiny_engine(given[int(reply.get_response().id)], tau=0.5))
    client.stop_stream()
    client.close()


@pytest.mark.parametrize("model", ["tiny", "tiny_parts"])
def test_what_is_refused_is_the_clients_fault_and_says_why(triton: tritons.Triton, model: str) -> None:
    from tritonclient.utils import InferenceServerException

    module, client = client_of("http", triton)
    given = given_for("tiny", 2)
    for parameters, text in (
        ({"tau": "2"}, "tau is 2.0"),
        ({"tau": "high"}, "give a number"),
        ({"speed": "1"}, "unknown parameter 'speed'"),
        ({"deadline_ms": "-5"}, "deadline"),
    ):
        with pytest.raises(InferenceServerException, match=text) as refused:
            client.infer(model, asked(module, given), parameters=parameters)
        assert refused.value.status() == "400"
    given["input"][1, 0, 3, 3] = np.nan
    reply = client.infer(model, asked(module, given))
    assert reply.as_numpy("exit")[:, 0].tolist()[1] == -1
    assert reply.as_numpy("exit")[:, 0].tolist()[0] >= 0
    client.close()


@pytest.mark.parametrize("model", ["tiny", "tiny_parts"])
def test_it_is_loaded_as_a_server_of_ours_is(triton: tritons.Triton, tiny_bundle: Path, model: str) -> None:
    plan = LoadPlan(rates=(30.0,), deadline_ms=1e4, seconds=1.0, rounds=1)
    [row] = load_server(f"http://{triton.http}", tiny_bundle, model, plan, silent).rows
    assert (row.refused, row.failed, sum(row.exits)) == (0, 0, row.requests)
    assert all(row.exits)
