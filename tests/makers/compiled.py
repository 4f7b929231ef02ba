"""The compiled library for tests: the one that EEINFER_NATIVE names, or one that is built once for all runs."""

import getpass
import os
import tempfile
from pathlib import Path

import pytest

from eeinfer.backends.native import library
from eeinfer.backends.native.build import build
from eeinfer.errors import DependencyError
from eeinfer.machine import cache

NAMED = os.environ.get(library.VARIABLE)  # read before tests turn it off
HEADERS = os.environ.get("EEINFER_HEADERS")  # where .ci/headers put them
REQUIRED = "EEINFER_NATIVE_REQUIRED"  # set where skipping would hide a fault


def compiled_library() -> Path:
    """Return the library's file, or skip the test with the reason why there is none."""
    if NAMED and NAMED != library.OFF:
        return Path(NAMED)
    folder = Path(tempfile.gettempdir(), f"eeinfer-tests-{getpass.getuser()}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.VARIABLE, str(folder))
        try:
            return build(headers=None if HEADERS is None else Path(HEADERS))
        except DependencyError as error:
            if os.environ.get(REQUIRED):
                raise
            pytest.skip(f"the compiled library cannot be built: {error}")
