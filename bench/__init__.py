"""Measure a bundle: accuracy, latency and FLOPs over thresholds."""
