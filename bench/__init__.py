"""Measure a bundle: accuracy, latency and FLOPs over thresholds."""

from eeinfer.bench.config import BenchConfig as BenchConfig
from eeinfer.bench.data import BenchData as BenchData
from eeinfer.bench.data import bench_data as bench_data
from eeinfer.bench.measure import measure as measure
from eeinfer.bench.reporting.files import default_folder as default_folder
from eeinfer.bench.reporting.files import write_files as write_files
from eeinfer.bench.reporting.report import Report as Report
from eeinfer.bench.reporting.table import render as render
from eeinfer.bench.sweep.budget import best_affordable as best_affordable
from eeinfer.bench.sweep.budget import last_affordable as last_affordable
