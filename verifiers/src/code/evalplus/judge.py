"""Asks a program's function for its outputs and compares them with the expected ones. No program reaches this."""
import base64
import copy
import math
import pickle
import time
import zlib

# Relative distance within which floats are equal, and the absolute one where a task names none.
RELATIVE, ABSOLUTE = 1e-7, 1e-6
# Tasks whose outputs are compared as sets.
AS_SETS = set(
    "similar_elements find_char_long common_in_nested_lists extract_singly larg_nnum intersection_array"
    " find_dissimilar Diff".split()
)


def are_floats(value):
    if isinstance(value, (list, tuple)) and value:
        return all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def is_close(out, expected, absolute):
    """True for numbers within the distances, and for lists and tuples of as many that are."""
    if isinstance(expected, (list, tuple)):
        if not isinstance(out, (list, tuple)) or len(out) != len(expected):
            return False
        return all(is_close(one, other, absolute) for one, other in zip(out, expected))
    if not isinstance(out, (int, float, complex)) or not isinstance(expected, (int, float, complex)):
        return False
    if out == expected:
        return True
    distance = abs(out - expected)
    return math.isfinite(abs(expected)) and distance <= absolute + RELATIVE * abs(expected)


def polynomial(coefficients, x):
    return sum(coefficient * math.pow(x, power) for power, coefficient in enumerate(coefficients))


def pyramid_area(base, height):
    """The surface of a square pyramid whose height is that of its apex."""
    return round(base ** 2 + 2 * base * math.sqrt((base / 2) ** 2 + height ** 2))


def digit_distance(one, other):
    """The digits' distances, of numbers that are padded to one length."""
    length = max(len(str(one)), len(str(other)))
    pairs = zip(str(one).zfill(length), str(other).zfill(length))
    return sum(abs(int(left) - int(right)) for left, right in pairs)


class Judge:
    """The inputs of a task with what is expected of each, and the seconds that each may take."""

    def __init__(self, entry_point, inputs, way, expected, limits, absolute):
        self.entry_point, self.absolute, self.limits = entry_point, absolute, limits
        self.inputs = inputs_of(inputs, way)
        self.expected = pickle.loads(zlib.decompress(base64.b64decode(expected)))

    def is_right(self, args, out, expected):
        name, absolute = self.entry_point, self.absolute
        if name == "find_zero":
            return abs(polynomial(*args, out)) <= absolute
        if name in AS_SETS:
            return set(out) == set(expected)
        if name in AS_MATCHES:
            return out == expected if isinstance(out, bool) else expected == (out is not None)
        if out == expected or name == "are_equivalent" or name == "sum_div" and out == 0:
            return True
        if name == "surface_Area" and abs(out - pyramid_area(*args)) <= absolute:
            return True
        if name == "digit_distance_nums" and out == digit_distance(*args):
            return True
        if absolute == 0 and are_floats(expected):
            absolute = ABSOLUTE
        return absolute != 0 and type(out) is type(expected) and is_close(out, expected, absolute)

    def passes(self, function, start, end):
        """True where the function's outputs on these inputs are right."""
        for index in range(start, end):
            args = self.inputs[index]
            began = time.perf_counter()
            out = function(*copy.deepcopy(args))
            seconds = time.perf_counter() - began
            if seconds > self.limits[index]:
                raise AssertionError(f"past its time limit: input {index} took {seconds:.1f} s")
            if not self.is_right(args, out, self.expected[index]):
                raise AssertionError(f"input {index}: {str(args)[:80]}: got {str(out)[:60]}")
        return True
