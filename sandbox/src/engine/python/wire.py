"""Frames on a socket, and plain values as JSON.

A value leaves the candidate as data only: JSON where JSON has the type, {"t": type, "v": ...} where it has not. What is
no plain data is up to whoever encodes it.
"""
import collections
import datetime
import decimal
import fractions
import json
import os
import struct
import sys


def read_exactly(file, count):
    parts = []
    while count:
        part = os.read(file, min(count, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


LENGTH = struct.Struct("<I")
SCAN = json.JSONDecoder().scan_once


def parsed(text):
    """The value of JSON text without blanks around it: json.loads without its checks of the argument."""
    try:
        value, end = SCAN(text, 0)
    except StopIteration:
        end = -1
    if end != len(text):
        raise ValueError("no JSON")
    return value


def read_frame(file, most=1 << 30):
    (length,) = LENGTH.unpack(read_exactly(file, 4))
    if length > most:
        raise ValueError("a value is larger than the output limit")
    return parsed(read_exactly(file, length).decode())


def write_all(file, data):
    view = memoryview(data)
    while view:
        view = view[os.write(file, view):]


def compact(value):
    """JSON text without blanks, in ASCII."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def frame(value):
    data = compact(value).encode()
    return LENGTH.pack(len(data)) + data


def write_frame(file, value):
    write_all(file, frame(value))


TAGGED = (
    (tuple, "tuple", lambda value, inner: [inner(item) for item in tuple.__iter__(value)]),
    (dict, "dict", lambda value, inner: [[inner(k), inner(v)] for k, v in dict.items(value)]),
    (frozenset, "frozenset", lambda value, inner: [inner(item) for item in frozenset.__iter__(value)]),
    (set, "set", lambda value, inner: [inner(item) for item in set.__iter__(value)]),
    (bytes, "bytes", lambda value, inner: bytes.hex(value)),
    (bytearray, "bytearray", lambda value, inner: bytearray.hex(value)),
    (complex, "complex", lambda value, inner: [value.real, value.imag]),
    (collections.deque, "deque", lambda value, inner: [[inner(item) for item in collections.deque.__iter__(value)], value.maxlen]),
    (datetime.datetime, "datetime", lambda value, inner: datetime.datetime.isoformat(value)),
    (datetime.date, "date", lambda value, inner: datetime.date.isoformat(value)),
    (datetime.timedelta, "timedelta", lambda value, inner: [value.days, value.seconds, value.microseconds]),
    (decimal.Decimal, "decimal", lambda value, inner: str(value)),
    (fractions.Fraction, "fraction", lambda value, inner: [value.numerator, value.denominator]),
    (range, "range", lambda value, inner: [value.start, value.stop, value.step]),
    (slice, "slice", lambda value, inner: [inner(value.start), inner(value.stop), inner(value.step)]),
)


def encode(value, refer):
    """`value` as JSON data; `refer` makes the data of what is not plain."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        number = float.__float__(value)
        # JSON has no word for what is no finite number.
        return number if number - number == 0 else {"t": "float", "v": float.__repr__(number)}
    if isinstance(value, list):
        return [encode(item, refer) for item in list.__iter__(value)]
    for kind, tag, data in TAGGED:
        if isinstance(value, kind):
            return {"t": tag, "v": data(value, lambda item: encode(item, refer))}
    return refer(value)
