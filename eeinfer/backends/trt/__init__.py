"""TensorRT plans, run natively on an NVIDIA GPU, with decisions that do not wait for the host."""
