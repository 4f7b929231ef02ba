"""Many callers, one cascade: batches are kept full at every depth. No web code here; `eeinfer.serving.web` has it."""

from eeinfer.serving.config import ServingConfig as ServingConfig
from eeinfer.serving.observer import Observer as Observer
from eeinfer.serving.scheduler import Scheduler as Scheduler
from eeinfer.serving.served import Served as Served
