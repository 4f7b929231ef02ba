"""Measure a bundle beside everything a user could run instead, one process per peer, in interleaved rounds."""

from eeinfer.bench.peers.compare import compare as compare
from eeinfer.bench.peers.config import PeersConfig as PeersConfig
from eeinfer.bench.peers.reporting.report import PeersReport as PeersReport
from eeinfer.bench.peers.reporting.table import render as render
