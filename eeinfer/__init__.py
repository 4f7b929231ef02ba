"""eeinfer: early-exit classifiers from training to deployment.

    engine = eeinfer.load("model.eeb", tau=0.8)
    engine(images).predictions

Importing this loads NumPy and msgspec; everything heavier is imported where it is used.
"""

from eeinfer import thresholds as thresholds
from eeinfer.backends import share_threads as share_threads
from eeinfer.bundle.folder import Bundle as Bundle
from eeinfer.engine import Engine as Engine
from eeinfer.errors import BundleError as BundleError
from eeinfer.errors import CheckpointError as CheckpointError
from eeinfer.errors import ConfigError as ConfigError
from eeinfer.errors import DataError as DataError
from eeinfer.errors import DependencyError as DependencyError
from eeinfer.errors import EeinferError as EeinferError
from eeinfer.errors import ExportError as ExportError
from eeinfer.errors import InputError as InputError
from eeinfer.errors import NonFiniteWarning as NonFiniteWarning
from eeinfer.loading import load as load
from eeinfer.machine.versions import version_of
from eeinfer.result import AllExits as AllExits
from eeinfer.result import Answer as Answer
from eeinfer.result import Departure as Departure
from eeinfer.result import Result as Result
from eeinfer.thresholds import Retuner as Retuner
from eeinfer.watching import Watch as Watch

__version__ = version_of("eeinfer") or "0+unknown"  # of a checkout that is not installed
