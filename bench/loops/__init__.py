"""The compiled loop beside the one in Python, and both beside networks cut at each exit."""
