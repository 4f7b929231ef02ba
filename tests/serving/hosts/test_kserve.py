"""KServe's own client asks `eeinfer serve`, by the Open Inference Protocol over HTTP."""

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import servers

import eeinfer

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(importlib.util.find_spec("kserve") is None, reason="no KServe here; .ci/hosts installs it"),
    pytest.mark.filterwarnings("ignore"),  # of the packages that it brings
]


def test_the_client_gets_the_engines_answers(tiny_bundle: Path, tiny_engine: eeinfer.Engine) -> None:
    from kserve import InferenceRESTClient, InferInput, InferRequest
    from kserve.inference_client import RESTConfig

    images = np.random.default_rng(3).normal(0, 1, (4, 1, 8, 8)).astype(np.float32)
    given = InferInput(name="input", shape=[*images.shape], datatype="FP32")
    given.set_data_from_numpy(images, binary_data=False)
    request = InferRequest(model_name="tiny", infer_inputs=[given], parameters={"tau": 0.5})

    async def ask(url: str) -> Any:
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        ready = await client.is_model_ready(url, "tiny")
        reply = await client.infer(url, request, model_name="tiny")
        await client.close()
        return ready, reply

    with servers.serving(tiny_bundle) as server:
        ready, reply = asyncio.run(ask(f"http://{server.http}"))
    alone = tiny_engine(images, tau=0.5)
    found = {output.name: output.as_numpy() for output in reply.outputs}
    assert ready
    np.testing.assert_array_equal(found["prediction"], alone.predictions)
    np.testing.assert_array_equal(found["exit"], alone.exits)
    np.testing.assert_allclose(found["score"], alone.scores, atol=1e-5)
