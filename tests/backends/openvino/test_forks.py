"""In a forked process an engine goes on; where it has more streams than one, it says why it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino", reason="pip install 'eeinfer[openvino]'")
CODE = """
import os, signal, sys
import numpy as np
import eeinfer
threads, streams = sys.argv[2:]
def opened():
    return eeinfer.load(sys.argv[1], backend="openvino", threads=int(threads), options={"streams": streams})
engine = opened()
images = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)
expected = engine(images, tau=1).logits
engine(images[0], tau=1)
if os.fork() == 0:
    signal.alarm(60)  # a child that waits for threads it has not got must not wait for ever
    try:
        for given in (images, images[:1]):
            try:
                assert np.allclose(engine(given, tau=1).logits, expected[: len(given)], atol=1e-4)
                print("answered")
            except eeinfer.EeinferError as error:
                print(error)
        assert np.allclose(opened()(images, tau=1).logits, expected, atol=1e-4)
        sys.stdout.flush()
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(("threads", "streams"), [(1, 1), (2, 1), (1, 2)])
def test_it_answers_in_a_forked_process_or_says_why_not(tiny_bundle: Path, threads: int, streams: int) -> None:
    call = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", CODE, tiny_bundle, str(threads), str(streams)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line == "answered" if streams == 1 else "the threads of its streams stayed" in line
