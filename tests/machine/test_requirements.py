"""Every combination of what can be installed, from a table: what is said, and the command that mends it."""

from dataclasses import replace

import pytest

from eeinfer.machine.gpus import Driver, Gpu
from eeinfer.machine.installed import Facts, Runtime
from eeinfer.machine.requirements import GPU_BACKENDS, contradictions, obstacle, remarks

RTX = Gpu(name="NVIDIA GeForce RTX 4090", capability=(8, 9))
H100 = Gpu(name="NVIDIA H100", capability=(9, 0))
NONE = Driver(problem="no NVIDIA driver is found (libcuda.so.1)")
PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")

CPU_ONLY = Facts(
    driver=Driver(cuda=(13, 0), gpus=(RTX,)),
    versions={"onnxruntime": "1.32.0", "cuda-bindings": "13.5.0"},
    runtime=Runtime(version="1.32.0", providers=("CPUExecutionProvider",)),
)
GPU_WHEEL = replace(
    CPU_ONLY,
    versions={"onnxruntime-gpu": "1.31.1", "tensorrt-cu13": "10.16.1.11", "cuda-bindings": "13.5.0"},
    runtime=Runtime(version="1.31.1", cuda=13, providers=PROVIDERS, tensorrt=10),
)
PLUGIN = replace(CPU_ONLY, versions=CPU_ONLY.versions | {"onnxruntime-ep-nv-tensorrt-rtx-cu13": "0.5.0"})
BARE = Facts(driver=CPU_ONLY.driver)


def missing(*names: str) -> Facts:
    assert GPU_WHEEL.runtime is not None
    return replace(GPU_WHEEL, runtime=replace(GPU_WHEEL.runtime, missing=names))


def tensorrt(version: str | None) -> Facts:
    facts = missing("libnvinfer.so.10")
    others = {"onnxruntime-gpu": "1.31.1", "cuda-bindings": "13.5.0"}
    return replace(facts, versions=others | ({} if version is None else {"tensorrt-cu13": version}))


def on(gpu: Gpu, facts: Facts) -> Facts:
    return replace(facts, driver=replace(facts.driver, gpus=(gpu,)))


def with_driver(facts: Facts, cuda: tuple[int, int]) -> Facts:
    return replace(facts, driver=replace(facts.driver, cuda=cuda))


def both_wheels() -> Facts:
    return replace(GPU_WHEEL, versions=GPU_WHEEL.versions | {"onnxruntime": "1.32.0"})


@pytest.mark.parametrize("backend", GPU_BACKENDS)
def test_no_driver_is_the_first_obstacle_of_all(backend: str) -> None:
    reason = obstacle(backend, replace(GPU_WHEEL, driver=NONE))
    assert reason == f"{NONE.problem}: install or update NVIDIA's driver, or give device='cpu'"


@pytest.mark.parametrize(
    ("backend", "facts"),
    [
        ("onnxruntime-cuda", GPU_WHEEL),
        ("onnxruntime-cuda", on(H100, GPU_WHEEL)),
        ("onnxruntime-cuda", tensorrt("11.4.0")),
        ("onnxruntime-tensorrt", GPU_WHEEL),
        ("onnxruntime-tensorrt-rtx", PLUGIN),
        ("onnxruntime-tensorrt-rtx", on(Gpu(name="RTX 5090", capability=(12, 0)), PLUGIN)),
        ("tensorrt", GPU_WHEEL),
        ("tensorrt", replace(BARE, versions={"tensorrt-rtx-cu13": "1.7.1", "cuda-bindings": "12.9.1"})),
    ],
)
def test_what_fits_together_has_no_obstacle(backend: str, facts: Facts) -> None:
    assert obstacle(backend, facts) is None


@pytest.mark.parametrize(
    ("backend", "facts", "reason", "fix"),
    [
        ("onnxruntime-cuda", BARE, "onnxruntime is not installed", "pip install 'eeinfer[gpu]'"),
        (
            "onnxruntime-cuda",
            CPU_ONLY,
            "onnxruntime 1.32.0 is a build without CUDAExecutionProvider",
            "pip uninstall -y onnxruntime && pip install 'eeinfer[gpu]'",
        ),
        (
            "onnxruntime-cuda",
            replace(BARE, versions={"onnxruntime-gpu": "1.31.1"}, runtime_problem="libfoo.so: no such file"),
            "onnxruntime is installed but does not load (libfoo.so: no such file)",
            "pip install --force-reinstall --no-deps onnxruntime-gpu",
        ),
        (
            "onnxruntime-cuda",
            missing("libcudnn.so.9"),
            "libcudnn.so.9 is not found",
            "pip install 'onnxruntime-gpu[cuda,cudnn]==1.31.1'",
        ),
        (
            "onnxruntime-tensorrt",
            missing("libcudart.so.13", "libcublas.so.13", "libnvinfer.so.10"),
            "libcudart.so.13, libcublas.so.13 are not found",
            "pip install 'onnxruntime-gpu[cuda,cudnn]==1.31.1'",
        ),
        (
            "onnxruntime-cuda",
            with_driver(GPU_WHEEL, (12, 4)),
            "the driver runs CUDA up to 12.4 and onnxruntime-gpu 1.31.1 is built for CUDA 13",
            "update NVIDIA's driver to 580 or newer, or "
            "pip install 'onnxruntime-gpu[cuda,cudnn]>=1.23,<1.27' 'cuda-bindings<13'",
        ),
        (
            "onnxruntime-tensorrt",
            tensorrt("11.4.0.106"),
            "tensorrt-cu13 11.4.0.106 is installed and the TensorRT provider of onnxruntime-gpu 1.31.1 is linked to "
            "TensorRT 10",
            "pip install 'tensorrt-cu13>=10,<11'",
        ),
        ("onnxruntime-tensorrt", tensorrt(None), "no TensorRT is installed", "pip install 'tensorrt-cu13>=10,<11'"),
        (
            "onnxruntime-tensorrt-rtx",
            CPU_ONLY,
            "onnxruntime-ep-nv-tensorrt-rtx is not installed",
            "pip install 'eeinfer[tensorrt-rtx]'",
        ),
        (
            "onnxruntime-tensorrt-rtx",
            on(H100, PLUGIN),
            "TensorRT-RTX takes RTX GPUs (compute capability 8.6, 8.9, 12.0 and later), NVIDIA H100 has 9.0",
            "",
        ),
        (
            "onnxruntime-tensorrt-rtx",
            replace(PLUGIN, runtime=Runtime(version="1.23.2")),
            "onnxruntime 1.23.2 is too old for onnxruntime-ep-nv-tensorrt-rtx",
            "pip install 'onnxruntime>=1.24'",
        ),
        (
            "onnxruntime-tensorrt-rtx",
            replace(PLUGIN, runtime=None),
            "onnxruntime is not installed",
            "pip install 'eeinfer[tensorrt-rtx]'",
        ),
        (
            "onnxruntime-tensorrt-rtx",
            with_driver(PLUGIN, (12, 8)),
            "the driver runs CUDA up to 12.8 and onnxruntime-ep-nv-tensorrt-rtx-cu13 is built for CUDA 13",
            "pip install onnxruntime-ep-nv-tensorrt-rtx-cu12",
        ),
        (
            "tensorrt",
            replace(BARE, versions={"tensorrt": "10.16.1"}),
            "cuda-bindings is not installed",
            "pip install 'cuda-bindings>=12.9'",
        ),
        (
            "tensorrt",
            with_driver(replace(BARE, versions={"tensorrt": "10.16.1", "cuda-bindings": "13.5.0"}), (12, 6)),
            "the driver runs CUDA up to 12.6 and cuda-bindings 13.5.0 is built for CUDA 13",
            "pip install 'cuda-bindings>=12.9,<13'",
        ),
        ("tensorrt", BARE, "no TensorRT is installed", "pip install 'eeinfer[tensorrt-rtx]'"),
        ("tensorrt", on(H100, BARE), "no TensorRT is installed", "pip install 'eeinfer[tensorrt]'"),
    ],
)
def test_an_obstacle_comes_with_what_mends_it(backend: str, facts: Facts, reason: str, fix: str) -> None:
    found = obstacle(backend, facts)
    assert found is not None
    assert found.startswith(reason)
    assert found.endswith(fix)


@pytest.mark.parametrize(
    ("facts", "parts"),
    [
        (CPU_ONLY, []),
        (GPU_WHEEL, []),
        (PLUGIN, []),
        (BARE, []),
        (replace(tensorrt(None), versions={"onnxruntime-gpu": "1.31.1"}), []),  # TensorRT was never wanted
        (replace(missing("libcudnn.so.9"), driver=NONE), []),  # nor CUDA's libraries, without a GPU
        (
            both_wheels(),
            ["onnxruntime and onnxruntime-gpu are installed at once", "pip install 'eeinfer[gpu]'"],
        ),
        (
            replace(CPU_ONLY, versions={"onnxruntime": "1", "onnxruntime-openvino": "1"}),
            ["onnxruntime and onnxruntime-openvino are installed at once", "pip install 'eeinfer[cpu]'"],
        ),
        (missing("libcudnn.so.9"), ["libcudnn.so.9 is not found", "[cuda,cudnn]==1.31.1"]),
        (tensorrt("11.4.0.106"), ["tensorrt-cu13 11.4.0.106 is installed", "linked to TensorRT 10"]),
        (with_driver(GPU_WHEEL, (12, 4)), ["the driver runs CUDA up to 12.4"]),
        (on(H100, PLUGIN), ["TensorRT-RTX takes RTX GPUs"]),
        (replace(BARE, runtime_problem="it is empty", versions={"onnxruntime": "1"}), ["does not load (it is empty)"]),
    ],
)
def test_contradictions_are_named_once(facts: Facts, parts: list[str]) -> None:
    found = list(contradictions(facts))
    assert len(found) == bool(parts)
    assert all(part in found[0] for part in parts)


def test_a_gpu_runtime_without_a_gpu_is_remarked_and_no_fault() -> None:
    facts = replace(GPU_WHEEL, driver=NONE)
    assert list(contradictions(facts)) == []
    [remark] = remarks(facts)
    assert "onnxruntime-gpu 1.31.1 runs on the CPU here, because no NVIDIA driver is found" in remark
    assert remark.endswith("pip uninstall -y onnxruntime-gpu && pip install 'eeinfer[cpu]'")
    assert list(remarks(CPU_ONLY)) == []
