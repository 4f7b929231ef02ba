"""Copies of an engine: by pickle, in other processes, and after a fork."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eeinfer
from eeinfer import EeinferError, Engine
from eeinfer.bundle.folder import Bundle

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)


def pickled(engine: Engine) -> Engine:
    again = pickle.loads(pickle.dumps(engine))
    assert isinstance(again, Engine)
    return again


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy, copy.copy])
def test_a_copy_loads_the_bundle_again_with_the_same_arguments(
    tiny_bundle: Path, copied: Callable[[Engine], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_bundle.parent)
    with eeinfer.load(tiny_bundle.name, tau=[0.3, 0.5, 0.7], threads="parked:1", backend="onnxruntime") as engine:
        monkeypatch.chdir("/")  # the copy is made elsewhere
        again = copied(engine)
        expected = engine(IMAGES)
    with again:  # and outlives the engine
        result = again(IMAGES)
        assert (again.tau, again.threads, again.backend, again.device) == ((0.3, 0.5, 0.7), 1, "onnxruntime", "cpu")
        np.testing.assert_array_equal(result.logits, expected.logits)
        np.testing.assert_array_equal(result.exits, expected.exits)


def test_the_arguments_are_kept_as_they_were_given(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with eeinfer.load(tiny_bundle, threads=1, verify=False) as engine:
        data = pickle.dumps(engine)
    seen: dict[str, Any] = {}

    def spy(*args: Any, **settings: Any) -> None:
        seen.update(settings, path=args[0])

    monkeypatch.setattr("eeinfer.loading.load", spy)
    pickle.loads(data)
    settings = {"device": "cpu", "tau": None, "threads": 1, "backend": None, "options": None, "verify": False}
    assert seen == {"path": str(tiny_bundle), **settings}


def test_the_shipped_bundle_is_found_where_the_copy_is_installed() -> None:
    with eeinfer.load(threads=1) as engine:
        assert b"fashion" not in pickle.dumps(engine)
        with pickled(engine) as again:
            assert again.manifest == engine.manifest


def test_a_pool_of_spawned_processes_takes_an_engine(tiny_bundle: Path) -> None:
    with eeinfer.load(tiny_bundle, threads=1) as engine, multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(engine.all_exits, (IMAGES,))
        np.testing.assert_allclose(there.logits, engine.all_exits(IMAGES).logits, rtol=1e-5, atol=1e-5)


def test_what_cannot_be_copied_says_so(tiny_bundle: Path) -> None:
    engine = eeinfer.load(tiny_bundle, threads=1)
    made = Engine(Bundle.open(tiny_bundle), engine._running().backend, (0.5,) * 3)
    with pytest.raises(EeinferError, match=r"only an engine made by eeinfer\.load can be pickled"):
        pickle.dumps(made)
    engine.close()
    for copied in (pickle.dumps, copy.deepcopy):
        with pytest.raises(EeinferError, match=r"closed; load the bundle again"):
            copied(engine)


def test_a_bundle_that_is_gone_is_an_error_of_ours(bundle_copy: Path) -> None:
    with eeinfer.load(bundle_copy, threads=1) as engine:
        data = pickle.dumps(engine)
    bundle_copy.rename(bundle_copy.with_name("elsewhere.eeb"))
    with pytest.raises(EeinferError, match=r"copy\.eeb"):
        pickle.loads(data)


FORKED = """
import os, signal, sys
import numpy as np
import eeinfer
if sys.argv[2] == "shared":
    eeinfer.share_threads(2)
engine = eeinfer.load(sys.argv[1], threads=None if sys.argv[2] == "shared" else sys.argv[2])
x = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)
expected = engine(x, tau=1).logits
if os.fork() == 0:
    signal.alarm(60)  # a child that waits for threads it has not got must not wait for ever
    try:
        for _ in range(20):
            assert np.allclose(engine(x, tau=1).logits, expected, atol=1e-4)
            assert np.allclose(engine(x[0], tau=1).logits, expected[:1], atol=1e-4)
        assert sum(map(len, engine.stream(x))) == 6
        assert len([*engine.anytime(x[0])]) == 3
        assert np.allclose(eeinfer.load(sys.argv[1])(x, tau=1).logits, expected, atol=1e-4)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.usefixtures("forks")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("threads", ["parked:1", "parked:2", "spinning:2", "stopping:2", "shared"])
def test_an_engine_goes_on_working_in_a_forked_process(tiny_bundle: Path, threads: str) -> None:
    call = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, str(tiny_bundle), threads]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
