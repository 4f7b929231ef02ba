"""The process-wide pool can be made once and never undone, so each case runs in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from eeinfer import samples

SHARED = f"""
import eeinfer, numpy as np, onnxruntime as ort
bundle = {str(samples.bundle_path())!r}
images = np.random.default_rng(0).random((3, 1, 28, 28), dtype=np.float32)
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", SHARED + code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_engines_take_the_pool_of_the_process() -> None:
    assert run("print(eeinfer.share_threads(2)); print(eeinfer.load(bundle).threads)") == "2\n2"


def test_the_pool_does_not_change_the_answers() -> None:
    code = "print(eeinfer.load(bundle, threads=1)(images, tau=1).exits, eeinfer.load(bundle)(images).predictions)"
    assert run(code) == run("eeinfer.share_threads(1);" + code)


def test_without_the_pool_other_sessions_keep_their_defaults() -> None:
    assert run("eeinfer.load(bundle); ort.InferenceSession(bundle + '/model.onnx'); print('fine')") == "fine"


def test_a_pool_that_the_host_made_is_adopted() -> None:
    code = "ort.set_global_thread_pool_sizes(1, 1); print(eeinfer.load(bundle).threads)"
    assert run(code) == "None"


def test_asking_twice_for_the_same_size_is_fine() -> None:
    assert run("eeinfer.share_threads(1); print(eeinfer.share_threads(1))") == "1"


def test_a_second_size_is_refused() -> None:
    code = "eeinfer.share_threads(1)\ntry: eeinfer.share_threads(2)\nexcept eeinfer.ConfigError as error: print(error)"
    assert "has a pool of 1 for all sessions already" in run(code)


@pytest.mark.parametrize("threads", [0, -1, True, 1.5])
def test_a_size_below_one_is_refused(threads: object) -> None:
    code = f"try: eeinfer.share_threads({threads})\nexcept eeinfer.ConfigError as error: print(error)"
    assert f"threads is {threads}" in run(code)


def test_small_segments_get_one_thread_of_their_own() -> None:
    assert run("print(eeinfer.load(bundle).threads)") == "1"


def test_the_command_line_leaves_a_host_process_alone(tmp_path: Path) -> None:
    code = "from eeinfer.cli.threads import share_pool; share_pool(bundle, 1)"
    assert run(code + "; ort.InferenceSession(bundle + '/model.onnx'); print('fine')") == "fine"
