"""What suits one bundle on this machine: thread settings tried against each other, and a table of what rows cost."""

from eeinfer.bench.tune.config import TuneConfig as TuneConfig
from eeinfer.bench.tune.keep import save_tuned as save_tuned
from eeinfer.bench.tune.table import render_tuned as render_tuned
from eeinfer.bench.tune.tune import Tuned as Tuned
from eeinfer.bench.tune.tune import tune as tune
