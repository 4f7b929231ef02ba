"""CUDA as far as a cascade needs it: a written contract (``api``), NVIDIA's bindings (``driver``), two kernels."""

from eeinfer.backends.choice import gpu_index
from eeinfer.backends.cuda.api import Cuda, CudaError
from eeinfer.backends.cuda.driver import CudaDevice, device_count
from eeinfer.errors import ConfigError


def open_cuda(device: str) -> Cuda:
    """Open the device ``cuda``, or ``cuda:1`` for the second one.

    Raises:
        ConfigError: another word, no NVIDIA GPU or driver, or fewer GPUs than that.
        DependencyError: cuda-bindings or NVRTC is not installed.
    """
    number = gpu_index(device)
    if number is None:
        raise ConfigError(f"device {device!r} is not an NVIDIA GPU; give 'cuda', or 'cuda:1' for the second one")
    try:
        count = device_count()
    except CudaError as error:
        raise ConfigError(
            f"device {device!r} needs an NVIDIA GPU and its driver ({error}); look with: nvidia-smi"
        ) from error
    if number >= count:
        raise ConfigError(f"device {device!r} is not there: {count} GPUs are found, counted from 0")
    return CudaDevice(number)
