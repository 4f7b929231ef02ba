"""The queue in front of segment 0: bounded, by priority, and in turns among the clients of one priority."""

from collections import OrderedDict, deque
from collections.abc import Iterator

from eeinfer.serving.config import PRIORITIES
from eeinfer.serving.request import Row

Shapes = tuple[tuple[int, ...], ...]


class Entrance:
    """Rows that wait to begin. For one thread at a time."""

    def __init__(self) -> None:
        self._clients: dict[int, OrderedDict[str, deque[Row]]] = {level: OrderedDict() for level in PRIORITIES}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, rows: list[Row]) -> None:
        """Let the rows of one request wait behind those of the same client."""
        request = rows[0].request
        self._clients[request.priority].setdefault(request.client, deque()).extend(rows)
        self._count += len(rows)

    def heads(self) -> Iterator[Row]:
        """Yield the row of every client that is next, those of a higher priority first."""
        for clients in self._clients.values():
            for waiting in clients.values():
                yield waiting[0]

    def take(self, most: int) -> list[Row]:
        """Take up to ``most`` rows of one shape, one client after another; cancelled ones are dropped on the way."""
        taken: list[Row] = []
        shapes: Shapes | None = None
        for clients in self._clients.values():
            while len(taken) < most:
                found = self._next(clients, shapes)
                if found is None:
                    break
                if not found.over:
                    shapes = found.request.shapes
                    taken.append(found)
        return taken

    def clear(self) -> None:
        """Empty it."""
        for clients in self._clients.values():
            clients.clear()
        self._count = 0

    def _next(self, clients: "OrderedDict[str, deque[Row]]", shapes: Shapes | None) -> Row | None:
        for client, waiting in clients.items():
            if shapes is None or waiting[0].request.shapes == shapes or waiting[0].over:
                row = waiting.popleft()
                self._count -= 1
                if waiting:
                    clients.move_to_end(client)
                else:
                    del clients[client]
                return row
        return None
