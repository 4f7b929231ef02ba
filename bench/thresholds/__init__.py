"""Thresholds for a bundle: what a promise can be kept with, and whether such promises are kept."""
