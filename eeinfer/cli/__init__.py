"""The command line: one file per command. Importing it registers them all and loads nothing heavy."""

import signal

# isort: off
# The order of registration is the order in `eeinfer --help`: the order in which a newcomer meets the commands.
from eeinfer.cli.training import demo as demo
from eeinfer.cli.training import train as train
from eeinfer.cli.training import runs as runs
from eeinfer.cli.training import calibrate as calibrate
from eeinfer.cli.training import analyze as analyze
from eeinfer.cli.exporting import export as export
from eeinfer.cli.exporting import optimise as optimise
from eeinfer.cli.measuring import evaluation as evaluation
from eeinfer.cli.measuring import tune as tune
from eeinfer.cli.measuring import thresholds as thresholds
from eeinfer.cli.measuring import prune as prune
from eeinfer.cli.measuring import bench as bench
from eeinfer.cli.measuring import compare as compare
from eeinfer.cli.measuring import study as study
from eeinfer.cli.running import predict as predict
from eeinfer.cli.running import inspection as inspection
from eeinfer.cli.running import check as check
from eeinfer.cli.serving import serve as serve
from eeinfer.cli.serving import loadtest as loadtest
from eeinfer.cli.running import doctor as doctor
from eeinfer.cli.running import native as native
from eeinfer.cli.app import app as app
from eeinfer.cli.threads import claim_process


def main() -> None:
    """Run the command line on ``sys.argv``."""
    signal.signal(signal.SIGTERM, _terminate)
    claim_process()
    app(prog_name="eeinfer")


def _terminate(*_: object) -> None:
    """Unwind instead of dying on the spot, so that unfinished files are removed."""
    raise SystemExit(143)
