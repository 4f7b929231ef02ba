"""The protocol's messages, made at run time from the compiled open_inference.proto.

A pool of their own keeps them apart from other packages' copies of the same protocol, and a descriptor, unlike
generated code, is not tied to a release of protobuf.
"""

from functools import cache
from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "inference.GRPCInferenceService"


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    files = descriptor_pb2.FileDescriptorSet()
    files.ParseFromString(resources.files(__package__).joinpath("open_inference.binpb").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


@cache
def message(name: str) -> Any:
    """Return the class of a message of the package `inference`."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"inference.{name}"))
