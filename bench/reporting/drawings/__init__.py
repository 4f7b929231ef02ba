"""Plots as data: what the page's own script draws, and redraws for every width."""

from eeinfer.bench.reporting.drawings.front import pareto_front as pareto_front
from eeinfer.bench.reporting.drawings.spec import Plot as Plot
from eeinfer.bench.reporting.drawings.spec import Point as Point
from eeinfer.bench.reporting.drawings.spec import Series as Series
from eeinfer.bench.reporting.drawings.spec import as_json as as_json
