"""Keeping what was found out, where the backends look for it."""

from pathlib import Path

from eeinfer.backends import onnx_runtime
from eeinfer.backends.chosen import save_choice
from eeinfer.backends.openvino import library as openvino
from eeinfer.backends.profile import save_profile
from eeinfer.bench.tune.tune import Tuned
from eeinfer.bundle.folder import Bundle

_LIBRARIES = {onnx_runtime.LIBRARY: onnx_runtime.library, openvino.LIBRARY: openvino.library}


def save_tuned(bundle: Bundle, tuned: Tuned) -> Path | None:
    """Write a profile for every backend, then the choice among them; return its place, None where nothing is kept."""
    for backend, profile in tuned.profiles.items():
        save_profile(bundle, _LIBRARIES[backend](), profile)
    return save_choice(bundle, tuned.choice)
