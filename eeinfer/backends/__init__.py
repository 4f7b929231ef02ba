"""What runs a segment: one module per runtime, imported when asked for."""
