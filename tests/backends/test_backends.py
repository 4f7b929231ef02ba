import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from altered_bundles import swap

import eeinfer
from eeinfer.errors import BundleError, ConfigError, DependencyError
from eeinfer.machine import cores


def run(code: str, *arguments: object) -> str:
    """Run code in a Python of its own, where nothing has been loaded yet."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_unknown_backend_is_refused_with_the_known_ones(tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="unknown backend 'abacus': known are onnxruntime"):
        eeinfer.load(tiny_bundle, backend="abacus")


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cuda:-1", "cuda:", "", "CPU"])
def test_an_unknown_device_is_refused_with_those_that_exist(tiny_bundle: Path, device: str) -> None:
    with pytest.raises(
        ConfigError, match=r"device '.*' is unknown; (did you mean 'c\w+'\? )?give 'cpu', 'cuda', or 'cuda:1'"
    ):
        eeinfer.load(tiny_bundle, device=device)


@pytest.mark.parametrize("backend", [None, "onnxruntime", "onnxruntime-cuda"])
def test_a_gpu_without_a_driver_is_refused_in_one_line(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, backend: str | None
) -> None:
    monkeypatch.setattr("eeinfer.machine.gpus._LIBRARY", "libno-such-driver.so.1")
    with pytest.raises(ConfigError, match=r"device 'cuda' cannot be used: no NVIDIA driver is found") as caught:
        eeinfer.load(tiny_bundle, device="cuda", backend=backend)
    assert "install or update NVIDIA's driver, or give device='cpu'" in str(caught.value)
    assert str(caught.value).count("driver is found") == 1
    assert "\n" not in str(caught.value)


def test_a_gpu_backend_is_refused_on_the_cpu(tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match=r"'onnxruntime-cuda' runs on a GPU and device is 'cpu'; give device='cuda'"):
        eeinfer.load(tiny_bundle, backend="onnxruntime-cuda")


def test_options_that_a_backend_has_not_are_refused(tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="backend 'onnxruntime' has no options on the CPU, got level"):
        eeinfer.load(tiny_bundle, options={"level": "1"})


@pytest.mark.parametrize("threads", [0, -2, 1.5, True, "4"])
def test_a_senseless_thread_count_is_refused(tiny_bundle: Path, threads: int) -> None:
    with pytest.raises(ConfigError, match=r"threads is .*; give 1 or more"):
        eeinfer.load(tiny_bundle, threads=threads)


def test_a_missing_onnxruntime_names_the_extra(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DependencyError, match=r"onnxruntime.*pip install 'eeinfer\[cpu\]'"):
        eeinfer.load(tiny_bundle)


def test_threads_default_to_the_physical_cores(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eeinfer.backends.threads._SMALL_FLOPS", 0)  # as if its segments were large
    with eeinfer.load(tiny_bundle) as engine:
        assert engine.threads == cores.physical_cores()
        assert (engine.backend, engine.device) == ("onnxruntime", "cpu")
    with eeinfer.load(tiny_bundle, threads=3) as engine:
        assert engine.threads == 3


def test_other_sessions_of_the_process_live_on(tiny_bundle: Path) -> None:
    # ONNX Runtime refuses sessions with default settings once somebody made a pool for the process: we must not.
    code = """
import sys, numpy as np, onnxruntime as ort, eeinfer
path = sys.argv[1]
before = ort.InferenceSession(path + "/model.onnx")
engine = eeinfer.load(path)
after = ort.InferenceSession(path + "/model.onnx")
x = np.zeros((1, 1, 8, 8), np.float32)
exits = engine.all_exits(x)
for session in (before, after):
    np.testing.assert_allclose(session.run(["logits_02"], {"input": x})[0], exits.logits[:, 2], atol=1e-5)
print("fine")
"""
    assert run(code, tiny_bundle) == "fine"


def test_a_pool_that_the_process_made_is_adopted(tiny_bundle: Path) -> None:
    code = """
import sys, warnings, numpy as np, onnxruntime as ort, eeinfer
ort.set_global_thread_pool_sizes(2, 1)
engine = eeinfer.load(sys.argv[1])
print(engine.threads, engine(np.zeros((3, 8, 8), np.uint8), tau=1).exits.tolist())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    eeinfer.load(sys.argv[1], threads=1)
print(caught[0].message, caught[0].filename)
"""
    answers, warning = run(code, tiny_bundle).splitlines()
    assert answers == "None [2, 2, 2]"
    assert warning == "threads=1 has no effect: this process has one pool for all sessions <string>"


def test_loading_writes_nothing_to_stdout(tiny_bundle: Path) -> None:
    assert run("import sys, eeinfer; eeinfer.load(sys.argv[1])", tiny_bundle) == ""


def test_a_graph_with_a_fixed_batch_is_refused(bundle_copy: Path) -> None:
    import onnx

    path = bundle_copy / "segment_00.onnx"
    graph = onnx.load(path, load_external_data=False)
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    swap(bundle_copy, path.name, graph.SerializeToString())
    with pytest.raises(
        BundleError, match=r"segment_00\.onnx has the tensor 'input' in another shape than the manifest"
    ):
        eeinfer.load(bundle_copy)


def test_a_graph_of_another_type_or_size_is_refused(bundle_copy: Path) -> None:
    import onnx

    path = bundle_copy / "segment_02.onnx"
    graph = onnx.load(path, load_external_data=False)
    graph.graph.input[2].type.tensor_type.shape.dim[1].dim_value = 6
    swap(bundle_copy, path.name, graph.SerializeToString())
    with pytest.raises(BundleError, match=r"segment_02\.onnx"):
        eeinfer.load(bundle_copy)


def test_a_segment_that_cannot_run_is_named(bundle_copy: Path) -> None:
    import onnx

    path = bundle_copy / "segment_01.onnx"
    graph = onnx.load(path, load_external_data=False)
    for value in (*graph.graph.output, *graph.graph.input):
        for size in value.type.tensor_type.shape.dim[1:]:
            size.Clear()
    graph.graph.node[0].attribute[1].ints[:] = [4, 4]  # the convolution's strides: too small a map comes out
    swap(bundle_copy, path.name, graph.SerializeToString())
    with pytest.raises(BundleError, match=r"segment_01\.onnx does not run"):
        eeinfer.load(bundle_copy)


def test_the_network_sees_the_same_numbers_bound_or_not(tiny_bundle: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        together = engine.all_exits(images).logits[:, 2]
        alone = np.concatenate([engine(image, tau=1).logits for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-4)
