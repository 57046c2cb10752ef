"""What is known of single tasks, and inputs as their functions take them: JSON has no tuples, sets or complex numbers."""
import json
import sys

# Tasks whose output is a match object or none, which cannot be kept.
AS_MATCHES = {"check_str", "text_match_three", "text_starta_endb"}


def tuples_within(value):
    """The value with tuples for lists, at every depth."""
    if isinstance(value, list):
        return tuple(tuples_within(item) for item in value)
    if isinstance(value, dict):
        return {key: tuples_within(item) for key, item in value.items()}
    return value


def listed(value, make):
    """A list's items, each made into another kind where it is a list."""
    if not isinstance(value, list):
        return value
    return [make(item) if isinstance(item, list) else item for item in value]


def complex_of(value):
    """A complex number of the text or the pair that stands for it."""
    return complex(*value) if isinstance(value, list) else complex(value)


def set_of(value):
    """A set, or the empty dictionary that `{}` is."""
    return set(value) if value else {}


WAYS = {
    "": lambda args: args,
    "tuple_arguments": lambda args: listed(args, tuple),
    "tuple_items": lambda args: [listed(arg, tuple) for arg in args],
    "tuple_items_of_first": lambda args: [listed(args[0], tuple), *args[1:]],
    "tuple_first": lambda args: [tuple(args[0]), *args[1:]],
    "tuple_second": lambda args: [args[0], tuple(args[1]), *args[2:]],
    "tuple_items_and_arguments": lambda args: [tuple(listed(arg, tuple)) for arg in args],
    "tuple_dict_values": lambda args: [{key: tuple(value) for key, value in args[0].items()}, *args[1:]],
    "set_items": lambda args: [[set_of(item) for item in args[0]], *args[1:]],
    "float_and_complex": lambda args: [float(args[0]), complex_of(args[1])],
    "complex": lambda args: [complex_of(args[0]), *args[1:]],
    "tuple_all": lambda args: [tuples_within(arg) for arg in args],
}


def inputs_of(text, way):
    """The lists of arguments that JSON text holds."""
    sys.set_int_max_str_digits(0)
    return [WAYS[way](args) for args in json.loads(text)]
