"""Which vector instructions the processor has: ONNX Runtime chooses kernels and memory layouts by them."""

import functools
import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# Of the many flags only these change what is computed: others come and go with the kernel and its mitigations.
_VECTORS = {
    "flags": ("sse", "ssse", "avx", "fma", "f16c", "amx"),  # what x86 calls its list
    "Features": ("neon", "asimd", "fphp", "sve", "sme", "i8mm", "bf16"),  # what Arm does
}


@functools.cache
def instruction_sets() -> str:
    """Return the kind of processor and its vector instructions, sorted, as far as the system says."""
    try:
        with _CPUINFO.open() as lines:  # of every core: those of the first say it
            found = next((line for line in lines if line.partition(":")[0].strip() in _VECTORS), "")
    except OSError:  # not Linux
        return f"{platform.machine()} {platform.processor()}"
    label, _, flags = found.partition(":")
    vectors = _VECTORS.get(label.strip(), ())
    return " ".join([platform.machine(), *sorted(flag for flag in flags.split() if flag.startswith(vectors))])
