"""Many threads calling one engine: measured, and told as table, page and CSV."""

from eeinfer.bench.callers.measure import CALLERS_SCHEMA as CALLERS_SCHEMA
from eeinfer.bench.callers.measure import CallersConfig as CallersConfig
from eeinfer.bench.callers.measure import CallersReport as CallersReport
from eeinfer.bench.callers.measure import CallersRow as CallersRow
from eeinfer.bench.callers.measure import Turn as Turn
from eeinfer.bench.callers.measure import measure_callers as measure_callers
from eeinfer.bench.callers.measure import turn as turn
from eeinfer.bench.callers.page import callers_csv as callers_csv
from eeinfer.bench.callers.page import callers_page as callers_page
from eeinfer.bench.callers.table import render_callers as render_callers
