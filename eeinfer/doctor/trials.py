"""Everything here that can compute, tried on one small sum: what is listed as available often is not."""

import ctypes
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from eeinfer.errors import first_line
from eeinfer.machine.installed import PLUGIN, Facts
from eeinfer.machine.requirements import CUDA_PROVIDER, RTX_PLUGIN, TENSORRT_PROVIDER, obstacle

# ONNX: y = x + x on one float, opset 17, IR 8. Small enough to keep here, so that no other package is needed to try
# a provider: `onnx.helper.make_node("Add", ["x", "x"], ["y"])` in a graph `g`.
_PROBE = (
    b'\x08\x08:5\n\x0e\n\x01x\n\x01x\x12\x01y"\x03Add\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\x11"
)
_FATAL = 4  # whatever is not fatal arrives as an exception too
_REMOTE = {"AzureExecutionProvider"}  # sends work to a service; nothing to try on this machine
_PLUGIN_PROVIDER = "NvTensorRTRTXExecutionProvider"
BACKENDS = {  # of eeinfer, by the name of the provider that each needs
    "CUDAExecutionProvider": CUDA_PROVIDER,
    "TensorrtExecutionProvider": TENSORRT_PROVIDER,
    _PLUGIN_PROVIDER: RTX_PLUGIN,
}


@dataclass(frozen=True, kw_only=True)
class Device:
    """Something that can compute: an ONNX Runtime provider or a torch device, tried on one small sum."""

    library: str
    name: str
    problem: str | None  # None: it works


def runtime_devices(facts: Facts) -> Iterator[Device]:
    """Try every provider of ONNX Runtime, but not where it is known already why it cannot work."""
    if facts.runtime_problem is not None:
        yield Device(library="onnxruntime", name="import", problem=facts.runtime_problem)
    if facts.runtime is None:
        return
    runtime = importlib.import_module("onnxruntime")
    runtime.set_default_logger_severity(_FATAL)
    for provider in facts.runtime.providers:
        if provider not in _REMOTE:
            known = obstacle(BACKENDS[provider], facts) if provider in BACKENDS else None
            yield _tried("onnxruntime", provider, known, partial(_sum_on, runtime, provider))
    if any(f"{PLUGIN}-cu{cuda}" in facts.versions for cuda in (12, 13)):
        known = obstacle(RTX_PLUGIN, facts)
        yield _tried("onnxruntime", _PLUGIN_PROVIDER, known, partial(_sum_on_plugin, runtime))


def torch_devices() -> Iterator[Device]:
    """Try every device of torch; takes seconds where torch is installed, because it is imported."""
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError:
        return
    except Exception as error:  # a native library that does not load raises anything
        yield Device(library="torch", name="import", problem=first_line(error))
        return
    names = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    for name in names:
        label = f"{name} {torch.cuda.get_device_name(name)}" if name.startswith("cuda") else name
        yield _tried("torch", label, None, partial(_torch_sum, torch, name))


def _tried(library: str, name: str, known: str | None, trial: Callable[[], object]) -> Device:
    """Run ``trial`` and keep the first line of whatever goes wrong: native libraries raise anything."""
    problem = known
    if known is None:
        try:
            trial()
        except Exception as error:
            problem = first_line(error)
    return Device(library=library, name=name, problem=problem)


def _sum_on(runtime: Any, provider: str) -> None:  # Any: onnxruntime has no types
    """Add two numbers on one provider, and do not let the CPU step in for it."""
    _sum(runtime, runtime.SessionOptions(), [provider])


def _sum_on_plugin(runtime: Any) -> None:
    from eeinfer.backends.ort_gpu.providers import register_plugin

    name = register_plugin()
    devices = [device for device in runtime.get_ep_devices() if device.ep_name == name]
    options = runtime.SessionOptions()
    options.add_provider_for_devices(devices[:1], {})
    _sum(runtime, options, None)


def _sum(runtime: Any, options: Any, providers: list[str] | None) -> None:
    import numpy as np

    options.log_severity_level = _FATAL
    session = runtime.InferenceSession(_PROBE, options, providers=providers, enable_fallback=0)
    wanted = (providers or [_PLUGIN_PROVIDER])[0]
    if wanted not in session.get_providers():
        raise RuntimeError(_why_not_loaded(runtime, wanted))
    [total] = session.run(None, {"x": np.ones(1, dtype=np.float32)})
    if total[0] != 2:
        raise ArithmeticError(f"1 + 1 gave {total[0]}")


def _why_not_loaded(runtime: Any, provider: str) -> str:
    """Ask the system's loader, because ONNX Runtime writes the reason to its log and goes on without the provider."""
    folder = Path(runtime.__file__).parent / "capi"
    kind = provider.removesuffix("ExecutionProvider").lower()
    try:
        ctypes.CDLL(str(folder / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / f"libonnxruntime_providers_{kind}.so"))
    except OSError as error:
        return f"onnxruntime cannot load it ({first_line(error)})"
    return "onnxruntime left it out"


def _torch_sum(torch: Any, device: str) -> None:  # Any: torch is not imported here
    torch.ones(1, device=device).add(1).item()
