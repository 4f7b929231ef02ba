"""Cut a network with exits into one verified ONNX graph per exit."""

from typing import TYPE_CHECKING

from eeinfer.export.tolerance import TOLERANCE as TOLERANCE

if TYPE_CHECKING:
    from eeinfer.export.api import export_bundle as export_bundle
    from eeinfer.export.checkpoint import export_checkpoint as export_checkpoint
    from eeinfer.export.fold import fold_preprocess as fold_preprocess
    from eeinfer.export.golden import export_golden as export_golden
    from eeinfer.export.precision.kinds import PrecisionConfig as PrecisionConfig
    from eeinfer.export.precision.reduce import reduce_precision as reduce_precision
    from eeinfer.export.pruning.api import prune as prune
    from eeinfer.export.single_file.api import export_single_file as export_single_file
else:
    _HOME = {
        "export_bundle": "eeinfer.export.api",
        "export_checkpoint": "eeinfer.export.checkpoint",
        "export_golden": "eeinfer.export.golden",
        "export_single_file": "eeinfer.export.single_file.api",
        "fold_preprocess": "eeinfer.export.fold",
        "PrecisionConfig": "eeinfer.export.precision.kinds",
        "prune": "eeinfer.export.pruning.api",
        "reduce_precision": "eeinfer.export.precision.reduce",
    }

    def __getattr__(name: str) -> object:
        """Import torch only for those who export: the static baselines of bench need the graph code alone."""
        import importlib

        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOME[name]), name)
