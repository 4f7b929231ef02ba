"""Processes that serve, and the one that watches over them."""
