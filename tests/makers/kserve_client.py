"""KServe's client as a process of its own: its messages have the names of those of Triton's client.

Reads an array [B, *shape] from stdin as .npy; arguments: address, model, tau. Prints what the client got as JSON.
"""

import asyncio
import io
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig


async def ask(url: str, model: str, tau: float, images: Any) -> dict[str, Any]:
    given = InferInput(name="input", shape=[*images.shape], datatype="FP32")
    given.set_data_from_numpy(images, binary_data=False)
    request = InferRequest(model_name=model, infer_inputs=[given], parameters={"tau": tau})
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    ready = await client.is_model_ready(url, model)
    reply = await client.infer(url, request, model_name=model)
    await client.close()
    return {"ready": ready} | {output.name: output.as_numpy().tolist() for output in reply.outputs}


if __name__ == "__main__":
    url, model, tau = sys.argv[1:]
    images = np.load(io.BytesIO(sys.stdin.buffer.read()))
    print(json.dumps(asyncio.run(ask(url, model, float(tau), images))))
