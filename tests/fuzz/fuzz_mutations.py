"""Changes to JSON, protocol buffers and bytes, drawn from a seeded generator."""

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import onnx

ODD_NUMBERS = (0, 1, -1, 2, 3, 255, 2**31 - 1, -(2**31), 2**32, 2**53, 2**63 - 1, -(2**63), 2**64, 10**30)
ODD_VALUES = (None, True, [], {}, "", "x", "\0", "../x", "é" * 50, 0.5, -0.5, 1e308, -1e308, [[]], {"a": 1}, [None])
_INTEGERS = {3, 4, 5, 13, 17}  # wire kinds of protocol buffers: int64, uint64, int32, uint32, sint32
_STRINGS, _BYTES, _FLOAT, _ENUM, _MESSAGE = 9, 12, 2, 14, 11


def changed_bytes(data: bytes, random: Random) -> bytes:
    """Flip, cut out, double, overwrite or cut off some of them."""
    content = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        at, size = random.randrange(len(content) + 1), random.choice((1, 1, 2, 4, 16, 200))
        kind = random.randrange(5)
        if kind == 0 and at < len(content):
            content[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            del content[at : at + size]
        elif kind == 2:
            content[at:at] = content[at : at + size]
        elif kind == 3:
            content[at : at + size] = random.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * size
        else:
            del content[at if random.random() < 0.2 else len(content) - min(size, len(content)) :]
    return bytes(content)


def changed_json(data: bytes, random: Random) -> bytes:
    """Drop, double, rename, retype or exchange values anywhere in a JSON text."""
    content = json.loads(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        places = list(_places(content))
        if not places:
            break
        holder, key = random.choice(places)
        random.choice(_JSON_CHANGES)(holder, key, places, random)
    return json.dumps(content).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _drop(holder: Any, key: Any, places: list[tuple[Any, Any]], random: Random) -> None:
    del holder[key]


def _double(holder: Any, key: Any, places: list[tuple[Any, Any]], random: Random) -> None:
    if isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[f"{key}2"] = copy.deepcopy(holder[key])


def _retype(holder: Any, key: Any, places: list[tuple[Any, Any]], random: Random) -> None:
    holder[key] = copy.deepcopy(random.choice((*ODD_NUMBERS, *ODD_VALUES, [holder[key]], str(holder[key]))))


def _nudge(holder: Any, key: Any, places: list[tuple[Any, Any]], random: Random) -> None:
    value = holder[key]
    if isinstance(value, int | float):
        holder[key] = value + random.choice((-1, 1, 0.5)) if random.random() < 0.5 else value * 2
    elif isinstance(value, str):
        holder[key] = changed_bytes(value.encode(), random).decode(errors="replace")


def _exchange(holder: Any, key: Any, places: list[tuple[Any, Any]], random: Random) -> None:
    other, name = random.choice(places)
    found = copy.deepcopy(holder[key]), copy.deepcopy(other[name])
    holder[key] = found[1]
    if name in other if isinstance(other, dict) else name < len(other):
        other[name] = found[0]


_JSON_CHANGES: tuple[Callable[[Any, Any, list[tuple[Any, Any]], Random], None], ...] = (
    _drop,
    _double,
    _retype,
    _retype,
    _nudge,
    _nudge,
    _exchange,
)


def changed_graph(data: bytes, random: Random) -> bytes:
    """Change fields of an ONNX model, wherever they stand; bytes where it is none."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception:
        return changed_bytes(data, random)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        messages = list(_messages(model))
        message = random.choice(messages)
        fields = [field for field, _ in message.ListFields()] if random.random() < 0.8 else message.DESCRIPTOR.fields
        if fields:
            _change_field(message, random.choice(list(fields)), messages, random)
    return bytes(model.SerializePartialToString())


def _messages(message: Any) -> Iterator[Any]:
    yield message
    for field, value in message.ListFields():
        if field.type == _MESSAGE:
            for inner in value if _is_repeated(field) else [value]:
                yield from _messages(inner)


def _is_repeated(field: Any) -> bool:
    repeated = getattr(field, "is_repeated", None)
    return bool(field.label == field.LABEL_REPEATED if repeated is None else repeated)


def _change_field(message: Any, field: Any, messages: list[Any], random: Random) -> None:
    if random.random() < 0.15:
        message.ClearField(field.name)
    elif _is_repeated(field):
        _change_list(getattr(message, field.name), field, messages, random)
    elif field.type == _MESSAGE:
        _change_message(getattr(message, field.name), messages, random)
    else:
        setattr(message, field.name, _value(field, getattr(message, field.name), messages, random))


def _change_list(values: Any, field: Any, messages: list[Any], random: Random) -> None:
    at = random.randrange(len(values)) if values else None
    kind = random.randrange(4)
    if at is not None and kind == 0:
        del values[at]
    elif field.type == _MESSAGE:
        if at is None:
            values.add()
        elif kind == 1:
            values.add().CopyFrom(values[at])
        elif kind == 2:
            found = [copy.deepcopy(value) for value in values]
            random.shuffle(found)
            del values[:]
            values.extend(found)
        else:
            _change_message(values[at], messages, random)
    elif at is None or kind == 1:
        values.append(_value(field, values[at] if at is not None else None, messages, random))
    else:
        values[at] = _value(field, values[at], messages, random)


def _change_message(message: Any, messages: list[Any], random: Random) -> None:
    """Put another one of its kind there."""
    alike = [other for other in messages if other.DESCRIPTOR is message.DESCRIPTOR]
    if alike:
        message.CopyFrom(copy.deepcopy(random.choice(alike)))


def _value(field: Any, value: Any, messages: list[Any], random: Random) -> Any:
    if field.type == _FLOAT or field.cpp_type in (5, 6):
        return random.choice((0.0, -1.0, 1e30, float("nan"), float("inf"), 0.5))
    if field.type == _STRINGS:
        known = [text for other in messages for kind, text in other.ListFields() if kind.type == _STRINGS and text]
        flat = [text for entry in known for text in ([entry] if isinstance(entry, str) else entry)]
        odd = "", "x", "*/_ORT_MEM_ADDR_/*", "../../etc/passwd", "com.microsoft", "Loop", "If", "ConstantOfShape"
        return random.choice((*flat, *odd))
    if field.type == _BYTES:
        return changed_bytes(bytes(value or b""), random)
    if field.type == _ENUM:
        return random.choice([entry.number for entry in field.enum_type.values])
    low, high = {1: (-(2**31), 2**31 - 1), 3: (0, 2**32 - 1), 4: (0, 2**64 - 1)}.get(
        field.cpp_type, (-(2**63), 2**63 - 1)
    )
    near = (value or 0) + random.choice((-1, 1)), (value or 0) * 2
    return min(max(random.choice((*ODD_NUMBERS, *near)), low), high)
