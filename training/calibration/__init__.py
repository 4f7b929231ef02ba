"""Put the exits' probabilities right after training, from validation images; no weight of the network changes."""

from eeinfer.training.calibration.calibrate import KINDS as KINDS
from eeinfer.training.calibration.calibrate import calibrate as calibrate
from eeinfer.training.calibration.report import Calibration as Calibration
from eeinfer.training.calibration.report import ExitQuality as ExitQuality
from eeinfer.training.calibration.report import ReliabilityBin as ReliabilityBin
