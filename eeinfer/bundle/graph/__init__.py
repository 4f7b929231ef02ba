"""ONNX graphs as bytes, read without the onnx package."""
