"""Train early-exit classifiers under a regime: disjoint, joint, mixed, or any phase string."""

from eeinfer.training.config import BackboneConfig as BackboneConfig
from eeinfer.training.config import DataConfig as DataConfig
from eeinfer.training.config import HeadConfig as HeadConfig
from eeinfer.training.config import MethodConfig as MethodConfig
from eeinfer.training.config import PhaseConfig as PhaseConfig
from eeinfer.training.config import TrainConfig as TrainConfig
from eeinfer.training.recipes import RECIPES as RECIPES
from eeinfer.training.runs.checkpoint import Checkpoint as Checkpoint
from eeinfer.training.runs.checkpoint import load_checkpoint as load_checkpoint
from eeinfer.training.runs.run import train as train
