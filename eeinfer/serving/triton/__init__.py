"""Cascades in Triton's Python backend: what the models of `eeinfer export --triton` run. Only a Triton imports it."""
