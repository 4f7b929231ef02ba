"""KServe's own client asks `eeinfer serve`, by the Open Inference Protocol over HTTP."""

import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import servers

import eeinfer

CLIENT = Path(__file__).resolve().parents[2] / "makers" / "kserve_client.py"

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(importlib.util.find_spec("kserve") is None, reason="no KServe here; .ci/hosts installs it"),
]


def test_the_client_gets_the_engines_answers(tiny_bundle: Path, tiny_engine: eeinfer.Engine) -> None:
    images = np.random.default_rng(3).normal(0, 1, (4, 1, 8, 8)).astype(np.float32)
    sent = io.BytesIO()
    np.save(sent, images)
    with servers.serving(tiny_bundle) as server:
        command = [sys.executable, str(CLIENT), f"http://{server.http}", "tiny", "0.5"]
        done = subprocess.run(command, input=sent.getvalue(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    found, alone = json.loads(done.stdout), tiny_engine(images, tau=0.5)
    assert found["ready"]
    np.testing.assert_array_equal(found["prediction"], alone.predictions)
    np.testing.assert_array_equal(found["exit"], alone.exits)
    np.testing.assert_allclose(found["score"], alone.scores, atol=1e-5)
