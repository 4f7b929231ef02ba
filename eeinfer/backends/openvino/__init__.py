"""OpenVINO: compiled segments, and requests bound to memory of our own."""
