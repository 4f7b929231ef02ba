"""Why a backend cannot run here and what mends it, and which installations contradict themselves. Pure logic."""

from collections.abc import Callable, Iterator

from eeinfer.machine.extras import RUNTIME_WHEELS
from eeinfer.machine.gpus import Gpu
from eeinfer.machine.installed import BINDINGS, PLUGIN, TENSORRT, TENSORRT_RTX, Facts, Runtime

NATIVE, RTX_PLUGIN, TENSORRT_PROVIDER, CUDA_PROVIDER = GPU_BACKENDS = (  # best first
    "tensorrt",
    "onnxruntime-tensorrt-rtx",
    "onnxruntime-tensorrt",
    "onnxruntime-cuda",
)
_DRIVERS = {12: 525, 13: 580}  # the first driver of each CUDA, on Linux
_PLUGIN_RUNTIME = (1, 24)  # the first onnxruntime that takes plugins such as this one
_RTX_CAPABILITIES = ((8, 6), (8, 9))  # and everything from 12.0 on
_CUDA_12_RUNTIME = "pip install 'onnxruntime-gpu[cuda,cudnn]>=1.23,<1.27' 'cuda-bindings<13'"  # the last for CUDA 12


def obstacle(backend: str, facts: Facts, index: int = 0) -> str | None:
    """Return why ``backend`` cannot run on the GPU ``index``, with the command that mends it; None: nothing known."""
    return no_gpu(facts, index) or _CHECKS[backend](facts, facts.driver.gpus[index]) or _bindings(facts)


def no_gpu(facts: Facts, index: int = 0) -> str | None:
    """Return why there is no GPU ``index`` here, and what to do; None: there is."""
    driver = facts.driver
    if driver.problem is not None:
        return f"{driver.problem}: install or update NVIDIA's driver, or give device='cpu'"
    if index >= len(driver.gpus):
        found = ", ".join(f"cuda:{number} {gpu.name}" for number, gpu in enumerate(driver.gpus))
        return f"there is no GPU cuda:{index}: give one of {found}"
    return None


def _bindings(facts: Facts) -> str | None:
    """What makes streams, for every backend."""
    version = facts.versions.get(BINDINGS)
    if version is None:
        return f"{BINDINGS} is not installed: pip install '{BINDINGS}>=12.9'"
    cuda = int(version.partition(".")[0])
    return _old_driver(facts, cuda, f"{BINDINGS} {version}", f"pip install '{BINDINGS}>=12.9,<13'")


def _native(facts: Facts, gpu: Gpu) -> str | None:
    rtx = any(name in facts.versions for name in TENSORRT_RTX)
    if rtx or any(name in facts.versions for name in TENSORRT):
        return None
    return f"no TensorRT is installed: pip install 'eeinfer[{'tensorrt-rtx' if _is_rtx(gpu) else 'tensorrt'}]'"


def _rtx_plugin(facts: Facts, gpu: Gpu) -> str | None:
    runtime = facts.runtime
    if not _is_rtx(gpu):
        has = ".".join(map(str, gpu.capability))
        return f"TensorRT-RTX takes RTX GPUs (compute capability 8.6, 8.9, 12.0 and later), {gpu.name} has {has}"
    plugins = [cuda for cuda in (13, 12) if f"{PLUGIN}-cu{cuda}" in facts.versions]
    if not plugins:
        return f"{PLUGIN} is not installed: pip install 'eeinfer[tensorrt-rtx]'"
    if runtime is None:
        return _no_runtime(facts, "tensorrt-rtx")
    if _release(runtime) < _PLUGIN_RUNTIME:
        wanted = ".".join(map(str, _PLUGIN_RUNTIME))
        return f"onnxruntime {runtime.version} is too old for {PLUGIN}: pip install 'onnxruntime>={wanted}'"
    return _old_driver(facts, plugins[0], f"{PLUGIN}-cu{plugins[0]}", f"pip install {PLUGIN}-cu12")


def _tensorrt_provider(facts: Facts, _: Gpu) -> str | None:
    return _built_in(facts, "TensorrtExecutionProvider") or _wrong_tensorrt(facts)


def _cuda_provider(facts: Facts, _: Gpu) -> str | None:
    return _built_in(facts, "CUDAExecutionProvider")


def _built_in(facts: Facts, provider: str) -> str | None:
    """What a provider inside the onnxruntime-gpu wheel needs."""
    runtime = facts.runtime
    if runtime is None:
        return _no_runtime(facts, "gpu")
    if provider not in runtime.providers or runtime.cuda is None:
        return f"onnxruntime {runtime.version} is a build without {provider}: {_swap(facts)}"
    return _old_driver(facts, runtime.cuda, f"onnxruntime-gpu {runtime.version}", _CUDA_12_RUNTIME) or _libraries(facts)


def _no_runtime(facts: Facts, extra: str) -> str:
    if facts.runtime_problem is None:
        return f"onnxruntime is not installed: pip install 'eeinfer[{extra}]'"
    wheel = next((name for name in RUNTIME_WHEELS if name in facts.versions), "onnxruntime")
    fix = f"pip install --force-reinstall --no-deps {wheel}"
    return f"onnxruntime is installed but does not load ({facts.runtime_problem}): {fix}"


def _swap(facts: Facts) -> str:
    """The commands after which onnxruntime-gpu alone fills the import package."""
    there = [name for name in RUNTIME_WHEELS if name in facts.versions]
    return f"pip uninstall -y {' '.join(there)} && pip install 'eeinfer[gpu]'"


def _old_driver(facts: Facts, cuda: int, what: str, instead: str) -> str | None:
    has = facts.driver.cuda
    if has is None or has[0] >= cuda:
        return None
    needed = f" to {_DRIVERS[cuda]} or newer" if cuda in _DRIVERS else ""
    return (
        f"the driver runs CUDA up to {has[0]}.{has[1]} and {what} is built for CUDA {cuda}: "
        f"update NVIDIA's driver{needed}, or {instead}"
    )


def _libraries(facts: Facts) -> str | None:
    missing = [name for name in (facts.runtime.missing if facts.runtime else ()) if "nvinfer" not in name]
    if not missing or facts.runtime is None:
        return None
    fix = f"pip install 'onnxruntime-gpu[cuda,cudnn]=={facts.runtime.version}'"
    return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not found: {fix}"


def _wrong_tensorrt(facts: Facts) -> str | None:
    runtime = facts.runtime
    if runtime is None or f"libnvinfer.so.{runtime.tensorrt}" not in runtime.missing:
        return None
    installed = next((f"{name} {facts.versions[name]}" for name in TENSORRT if name in facts.versions), None)
    fix = f"pip install 'tensorrt-cu{runtime.cuda}>={runtime.tensorrt},<{(runtime.tensorrt or 0) + 1}'"
    have = f"{installed} is installed" if installed else "no TensorRT is installed"
    linked = f"the TensorRT provider of onnxruntime-gpu {runtime.version} is linked to TensorRT {runtime.tensorrt}"
    return f"{have} and {linked}: {fix}"


def _is_rtx(gpu: Gpu) -> bool:
    return gpu.capability in _RTX_CAPABILITIES or gpu.capability >= (12, 0)


def _release(runtime: Runtime) -> tuple[int, ...]:
    return tuple(int(part) for part in runtime.version.split(".")[:2] if part.isdecimal())


_CHECKS: dict[str, Callable[[Facts, Gpu], str | None]] = {
    NATIVE: _native,
    RTX_PLUGIN: _rtx_plugin,
    TENSORRT_PROVIDER: _tensorrt_provider,
    CUDA_PROVIDER: _cuda_provider,
}


def contradictions(facts: Facts) -> Iterator[str]:
    """Say what goes wrong silently or cannot work as it is installed, each with the command that mends it."""
    rivals = [name for name in RUNTIME_WHEELS if name in facts.versions]
    if len(rivals) > 1:
        keep = "gpu" if "onnxruntime-gpu" in rivals else "cpu"
        yield (
            f"{' and '.join(rivals)} are installed at once and overwrite each other's files: "
            f"pip uninstall -y {' '.join(rivals)} && pip install 'eeinfer[{keep}]'"
        )
    if facts.runtime_problem is not None:
        yield _no_runtime(facts, "cpu")
    if facts.driver.gpus:
        yield from filter(None, _gpu_contradictions(facts))


def _gpu_contradictions(facts: Facts) -> Iterator[str | None]:
    """Where there is a GPU: what was installed for it and cannot work. What was never installed is no fault."""
    gpu = facts.driver.gpus[0]
    if facts.runtime is not None and facts.runtime.cuda is not None:
        yield _cuda_provider(facts, gpu)
        if any(name in facts.versions for name in TENSORRT):
            yield _wrong_tensorrt(facts)
    if any(f"{PLUGIN}-cu{cuda}" in facts.versions for cuda in (12, 13)):
        yield _rtx_plugin(facts, gpu)


def remarks(facts: Facts) -> Iterator[str]:
    """Say what is no fault and still surprises."""
    if facts.runtime is not None and facts.runtime.cuda is not None and not facts.driver.gpus:
        yield (
            f"onnxruntime-gpu {facts.runtime.version} runs on the CPU here, because {facts.driver.problem}; "
            "smaller, without a GPU: pip uninstall -y onnxruntime-gpu && pip install 'eeinfer[cpu]'"
        )
