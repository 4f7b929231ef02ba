"""Options of one run of an ONNX Runtime session on a GPU."""

from collections.abc import Mapping
from typing import Any

from eeinfer.backends.onnx_runtime import onnxruntime

GRAPH, NO_GRAPH = "gpu_graph_id", "-1"
UNWAITED = {"disable_synchronize_execution_providers": "1", GRAPH: NO_GRAPH}  # a run ends when all is in the stream


def run_options(entries: Mapping[str, str] | None = None) -> Any:
    """Return ONNX Runtime's options of a run."""
    options = onnxruntime().RunOptions()
    for name, value in (entries or {}).items():
        options.add_run_config_entry(name, value)
    return options
