"""The written format: what a bundle is, what a reader checks, where its files lie. Imports nothing above it."""
