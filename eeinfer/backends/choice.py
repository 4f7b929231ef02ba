"""Which backends come into question for a device, best first."""

import re

from eeinfer.errors import ConfigError, did_you_mean
from eeinfer.machine.requirements import GPU_BACKENDS

ON_CPU = ("native", "onnxruntime")  # the first where the compiled library is there and opens the bundle
_CPU_ALONE = (*ON_CPU, "openvino")
_ON_GPU = {None: GPU_BACKENDS, "onnxruntime": tuple(name for name in GPU_BACKENDS if name.startswith("onnxruntime"))}


def gpu_index(device: str) -> int | None:
    """Return which GPU ``device`` means, or None for the CPU.

    Raises:
        ConfigError: it is neither "cpu" nor "cuda" nor "cuda:1" or the like.
    """
    if device == "cpu":
        return None
    found = re.fullmatch(r"cuda(?::(\d{1,3}))?", device)
    if found is None:
        near = did_you_mean(device, ("cpu", "cuda"))
        raise ConfigError(f"device {device!r} is unknown; {near}give 'cpu', 'cuda', or 'cuda:1' for the second GPU")
    return int(found[1] or 0)


def candidates(backend: str | None, device: str) -> tuple[str, ...]:
    """Return the backends that may serve, best first.

    Args:
        backend: None for whatever is best; "onnxruntime" for the best of its providers; or one of them all.
        device: "cpu", "cuda" or "cuda:1".

    Raises:
        ConfigError: an unknown device, or a backend that does not run on it.
    """
    on_gpu = gpu_index(device) is not None
    if backend is None and not on_gpu:
        return ON_CPU
    if backend in _ON_GPU:
        return _ON_GPU[backend] if on_gpu else ("onnxruntime",)
    assert backend is not None
    if on_gpu and backend in _CPU_ALONE:
        raise ConfigError(f"backend {backend!r} runs on the CPU and device is {device!r}; give device='cpu'")
    if not on_gpu and backend in GPU_BACKENDS:
        raise ConfigError(f"backend {backend!r} runs on a GPU and device is {device!r}; give device='cuda'")
    return (backend,)


def refusal(device: str, reasons: dict[str, str]) -> ConfigError:
    """Say in one line why none of the backends serves: once where they all have the same reason."""
    if len(set(reasons.values())) == 1:
        text = next(iter(reasons.values()))
    else:
        text = "; ".join(f"{backend}: {reason}" for backend, reason in reasons.items())
    more = "" if "eeinfer doctor" in text else " (eeinfer doctor says more)"
    return ConfigError(f"device {device!r} cannot be used: {text}{more}")
