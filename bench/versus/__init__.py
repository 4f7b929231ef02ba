"""Bundles against each other on the same images: `eeinfer compare`."""

from eeinfer.bench.versus.answers import answers_of as answers_of
from eeinfer.bench.versus.compare import compare_bundles as compare_bundles
from eeinfer.bench.versus.config import VersusConfig as VersusConfig
from eeinfer.bench.versus.page import versus_csv as versus_csv
from eeinfer.bench.versus.page import versus_page as versus_page
from eeinfer.bench.versus.report import VersusReport as VersusReport
from eeinfer.bench.versus.table import render_versus as render_versus
