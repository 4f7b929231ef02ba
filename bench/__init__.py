"""Measure a bundle: accuracy, latency and FLOPs over thresholds."""

from eeinfer.bench.budget import best_affordable as best_affordable
from eeinfer.bench.budget import last_affordable as last_affordable
from eeinfer.bench.config import BenchConfig as BenchConfig
from eeinfer.bench.data import BenchData as BenchData
from eeinfer.bench.data import bench_data as bench_data
from eeinfer.bench.files import default_folder as default_folder
from eeinfer.bench.files import write_files as write_files
from eeinfer.bench.measure import measure as measure
from eeinfer.bench.report import Report as Report
from eeinfer.bench.table import render as render
