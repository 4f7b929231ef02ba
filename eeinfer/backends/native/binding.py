"""The C interface of ``eeinfer/include/eeinfer/eeinfer.h``, function by function. Pointers are plain numbers here."""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_double, c_float, c_int32, c_int64, c_uint8, c_uint32, c_void_p

from eeinfer.errors import BundleError, ConfigError, DependencyError, EeinferError, InputError, ReplacedError

ABI_VERSION = 1
# By eeinfer_status; what else fails is out of memory, or a fault of ours.
_ERRORS = {1: BundleError, 2: ReplacedError, 3: InputError, 4: ConfigError, 5: DependencyError}


class Options(ctypes.Structure):
    """``eeinfer_options``."""

    _fields_ = (
        ("size", c_uint32),
        ("skip_verify", c_int32),
        ("skip_form", c_int32),
        ("n_taus", c_int32),
        ("taus", POINTER(c_float)),
        ("threads", c_char_p),
        ("onnxruntime", c_char_p),
        ("ort_api_base", c_void_p),
        ("ort_env", c_void_p),
        ("provider", c_char_p),
        ("device_id", c_int32),
    )


class Tensor(ctypes.Structure):
    """``eeinfer_tensor``."""

    _fields_ = (
        ("name", c_char_p),
        ("dtype", c_char_p),
        ("rank", c_int32),
        ("shape", POINTER(c_int64)),
        ("data", c_void_p),
    )


class StepMade(ctypes.Structure):
    """``eeinfer_step``."""

    _fields_ = (
        ("size", c_uint32),
        ("k", c_int32),
        ("computed", c_int64),
        ("logits", c_void_p),
        ("score", c_void_p),
        ("prediction", c_void_p),
        ("leaving", c_int64),
        ("leaves", c_void_p),
        ("rows", c_void_p),
        ("near_tau", c_void_p),
        ("left", c_int64),
    )


_HANDLE = POINTER(c_void_p)
_FUNCTIONS = {  # name -> what it returns and what it takes
    "last_error": (c_char_p, ()),
    "open": (c_int32, (c_char_p, POINTER(Options), _HANDLE)),
    "close": (None, (c_void_p,)),
    "host_ort_api_base": (c_void_p, ()),
    "optimised": (c_int32, (c_void_p,)),
    "threads": (c_int32, (c_void_p,)),
    "onnxruntime_version": (c_char_p, (c_void_p,)),
    "lane_new": (c_int32, (c_void_p, _HANDLE)),
    "lane_free": (None, (c_void_p,)),
    "lane_input": (c_int32, (c_void_p, c_int32, _HANDLE)),
    "lane_load": (c_int32, (c_void_p, POINTER(Tensor), c_int32)),
    "lane_step": (c_int32, (c_void_p, c_int32, POINTER(c_float))),
    "lane_answer": (
        c_int32,
        (c_void_p, POINTER(c_float), c_double, POINTER(c_int32), POINTER(c_float), POINTER(c_uint8)),
    ),
    "lane_exit": (c_int32, (c_void_p, c_int32, _HANDLE, _HANDLE, _HANDLE)),
    "batch_start": (
        c_int32,
        (c_void_p, POINTER(Tensor), c_int32, c_void_p, POINTER(c_float), c_double, _HANDLE),
    ),
    "batch_step": (c_int32, (c_void_p, POINTER(StepMade))),
    "batch_leave": (c_int32, (c_void_p,)),
    "batch_join": (c_int32, (c_void_p, c_void_p, _HANDLE)),
    "batch_end": (None, (c_void_p,)),
}


class Binding:
    """The functions of a loaded library, without ``eeinfer_`` in front. They let other threads run meanwhile."""

    open: Callable[..., int]
    close: Callable[..., None]
    host_ort_api_base: Callable[..., int | None]
    optimised: Callable[..., int]
    threads: Callable[..., int]
    onnxruntime_version: Callable[..., bytes]
    lane_new: Callable[..., int]
    lane_free: Callable[..., None]
    lane_input: Callable[..., int]
    lane_load: Callable[..., int]
    lane_step: Callable[..., int]
    lane_answer: Callable[..., int]
    lane_exit: Callable[..., int]
    batch_start: Callable[..., int]
    batch_step: Callable[..., int]
    batch_leave: Callable[..., int]
    batch_join: Callable[..., int]
    batch_end: Callable[..., None]

    def __init__(self, library: ctypes.CDLL) -> None:
        """Declare them.

        Raises:
            AttributeError: the library lacks one.
        """
        self.library = library
        for name, (returns, takes) in _FUNCTIONS.items():
            function = getattr(library, f"eeinfer_{name}")
            function.restype, function.argtypes = returns, takes
            setattr(self, name, function)

    def check(self, status: int) -> None:
        """Raise what a call has failed with, in the words of the library."""
        if status:
            said: bytes = self.library.eeinfer_last_error()
            raise _ERRORS.get(status, EeinferError)(said.decode("utf-8", "replace"))
