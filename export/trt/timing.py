"""TensorRT's timing cache: what its kernels were measured to take here, kept for all segments and later builds.

TensorRT-RTX measures at run time and has no use for one. Timings of one GPU are wrong on another, and one version does
not read another's, so both are part of its name in the machine's cache.
"""

import logging
from typing import Any

from eeinfer.export.trt.targets import BuildLibrary
from eeinfer.files import replace_file
from eeinfer.machine import cache

_KIND = "tensorrt"

log = logging.getLogger(__name__)


class TimingCache:
    """One cache, shared by all builds for one GPU."""

    def __init__(self, library: BuildLibrary) -> None:
        self._path = cache.entry(_KIND, library.version, library.gpu) if library.gpu else None
        self._cache: Any = None  # TensorRT has no types

    def attach(self, options: Any) -> None:
        """Let a build read and extend the cache."""
        if self._cache is None:
            self._cache = options.create_timing_cache(self._stored())
        if self._cache is None or not options.set_timing_cache(self._cache, False):
            self._cache = options.create_timing_cache(b"")  # damaged
            options.set_timing_cache(self._cache, False)

    def keep(self) -> None:
        """Write the cache; where that cannot be done, the next build measures again."""
        if self._path is None or self._cache is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, bytes(self._cache.serialize()))
        except OSError as error:
            log.info("the timing cache is not kept: %s", error)

    def _stored(self) -> bytes:
        try:
            return self._path.read_bytes() if self._path else b""
        except OSError:  # none yet
            return b""
