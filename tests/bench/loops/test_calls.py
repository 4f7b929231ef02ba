"""What a call costs beyond the bare runs of its segments."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from eeinfer import load
from eeinfer.backends.native import library
from eeinfer.backends.openvino.library import obstacle
from eeinfer.bench.loops.calls import BACKENDS, WAYS, Beyond, main, measure_calls, render_calls

INSTALLED = ("onnxruntime", *(() if obstacle() else ("openvino",)))


def test_every_backend_is_timed_at_every_exit(tiny_bundle: Path) -> None:
    engines = {name: load(tiny_bundle, backend=name, threads=1) for name in INSTALLED}
    found = measure_calls(engines, "parked:1", pairs=6, seconds=0.0)
    assert [(one.exit, one.backend, one.way) for one in found] == [*product(range(3), INSTALLED, WAYS)]
    assert all(one.ms.shape == (5, 2) and (one.ms > 0).all() for one in found)


def test_the_compiled_loop_is_compared_with_runs_of_the_same_segments(
    tiny_bundle: Path, native_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(library.VARIABLE, str(native_library))
    with load(tiny_bundle, backend="native", threads=1) as engine:
        found = measure_calls({"native": engine}, "parked:1", pairs=6, seconds=0.0)
    assert [(one.exit, one.way) for one in found] == [*product(range(3), WAYS)]


def test_the_difference_is_told_in_microseconds() -> None:
    ms = np.array([[0.030, 0.010], [0.020, 0.012], [0.026, 0.010]])
    [_, line] = render_calls([Beyond(backend="native", way="predict_one", exit=1, ms=ms)]).splitlines()
    told = "native predict_one exit 1 26.0 ( 20.0), bare 10.0 ( 10.0): beyond +16.0 ( +10.0), 3 pairs"
    assert " ".join(line.split()) == told


def test_the_command_leaves_out_what_is_not_installed(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(library.VARIABLE, library.OFF)
    asked = ["--backend", "native", "--backend", "onnxruntime"]
    monkeypatch.setattr("sys.argv", ["calls", str(tiny_bundle), *asked, "--pairs", "6", "--seconds", "0"])
    main()
    told = capsys.readouterr().out
    assert "native is left out: EEINFER_NATIVE is off" in told
    assert [line.split()[:4] for line in told.splitlines()[-6:]] == [
        ["onnxruntime", way, "exit", str(k)] for way in WAYS for k in range(3)
    ]


def test_no_bundle_is_an_error_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["calls", str(tmp_path / "none.eeb")])
    with pytest.raises(SystemExit, match="error: no bundle at "):
        main()
    assert set(INSTALLED) <= {*BACKENDS}
