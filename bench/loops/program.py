"""The C++ program that measures, as one of those who take turns."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from eeinfer.backends.native.library import onnxruntime_file
from eeinfer.errors import DependencyError


class Program:
    """``eeinfer-bench`` with this Python's ONNX Runtime; what it tells goes to this process's stderr."""

    def __init__(self, path: Path, *, threads: str) -> None:
        self._path, self._threads = path, threads

    def __call__(self, *options: object, bundle: Path, quiet: bool = False) -> dict[str, Any]:  # JSON
        """Run it and return its report.

        Raises:
            DependencyError: it is not there, or fails.
        """
        runtime = onnxruntime_file()
        told = {} if runtime is None else {"EEINFER_ONNXRUNTIME": str(runtime)}
        command = [str(self._path), str(bundle), "--threads", self._threads, *map(str, options)]
        try:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if quiet else None,
                env={**os.environ, **told},
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise DependencyError(
                f"{self._path} does not run ({error}); build it with: "
                'cmake -S "$(python3 -m eeinfer --cmake-dir)" -B build && cmake --build build'
            ) from error
        report: dict[str, Any] = json.loads(done.stdout)
        return report
