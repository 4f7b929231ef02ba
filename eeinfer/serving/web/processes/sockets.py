"""Ports: reserved before anything is loaded, so that a port in use is told at once."""

import socket
from contextlib import closing

from eeinfer.errors import ConfigError

_BACKLOG = 2048


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens, which several processes may accept from.

    Raises:
        ConfigError: the address cannot be had.
    """
    found = _bound(host, port, shared=False)
    found.listen(_BACKLOG)
    return found


def reserved(host: str, port: int) -> socket.socket:
    """Return a socket that holds a port for servers which bind it themselves, with SO_REUSEPORT.

    Raises:
        ConfigError: the address cannot be had.
    """
    with closing(_bound(host, port, shared=False)) as first:  # another server's port would be shared silently
        port = first.getsockname()[1]
    return _bound(host, port, shared=True)


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    found = None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named: asyncio then sends without delay
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind((host, port))
    except OSError as error:
        if found is not None:
            found.close()
        reason = error.strerror or error
        raise ConfigError(f"{host}:{port} cannot be listened on: {reason}; name another address or port") from error
    return found
