"""Backbones: networks without exits, and where their blocks end."""
