"""Bundles in reduced precision."""
