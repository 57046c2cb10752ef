"""The objects that the candidate and the judge both hold, each a copy of its own, so that aliases hold across.

An object that crosses gets a number. When it crosses again, either way, only its number does, and the other side takes
the copy that it has: a function that returns its argument returns the very object. What changed in a list, a
dictionary, a set, a deque or a bytearray since the last message goes ahead of what the next one says. The judge tells
which objects it holds no longer.

Scalars cross as JSON, everything else as [tag, number, content]. What is no plain data is up to each side.
"""
import operator

# Integers of more bits cross as hexadecimal digits: those of base 10 take time that grows with the square.
MANY_BITS = 1 << 12


def fill_list(value, items):
    list.__setitem__(value, slice(None), items)


def dict_items(value):
    return [part for pair in dict.items(value) for part in pair]


def fill_dict(value, items):
    kind = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
    kind.clear(value)
    for key, item in zip(items[::2], items[1::2]):
        kind.__setitem__(value, key, item)


def fill_set(value, items):
    set.clear(value)
    set.update(value, items)


def fill_deque(value, items):
    collections.deque.clear(value)
    collections.deque.extend(value, items)


def fill_bytearray(value, items):
    bytearray.__setitem__(value, slice(None), bytes(items))


# What can change: its type, how it is made, its items, and how it is filled with others.
CHANGING = {
    "list": (list, lambda content: ([], content), lambda value: list.__getitem__(value, slice(None)), fill_list),
    "dict": (dict, lambda content: ({}, content), dict_items, fill_dict),
    "set": (set, lambda content: (set(), content), lambda value: [*set.__iter__(value)], fill_set),
    "deque": (
        collections.deque, lambda content: (collections.deque(maxlen=content[0]), content[1:]),
        lambda value: [*collections.deque.__iter__(value)], fill_deque,
    ),
    "bytearray": (
        bytearray, lambda content: (bytearray(), content), lambda value: [*bytearray.__iter__(value)], fill_bytearray,
    ),
}
FIXED = tuple(row for row in TAGGED if row[1] not in CHANGING)
MADE = {
    "tuple": lambda data, inner: tuple(map(inner, data)),
    "frozenset": lambda data, inner: frozenset(map(inner, data)),
    "named": lambda data, inner: named_type(data[0], tuple(data[1]))._make(map(inner, data[2])),
    "float": lambda data, inner: float(data),
    "bytes": lambda data, inner: bytes.fromhex(data),
    "complex": lambda data, inner: complex(*data),
    "datetime": lambda data, inner: datetime.datetime.fromisoformat(data),
    "date": lambda data, inner: datetime.date.fromisoformat(data),
    "timedelta": lambda data, inner: datetime.timedelta(*data),
    "decimal": lambda data, inner: decimal.Decimal(data),
    "fraction": lambda data, inner: fractions.Fraction(*map(inner, data)),
    "range": lambda data, inner: range(*data),
    "slice": lambda data, inner: slice(*map(inner, data)),
}
# Questions about a text, a number or a set. A test asks them of the value that it expects; an object of the candidate's
# could simply answer yes.
ABOUT_PLAIN = {
    name for kind in (str, set, float) for name in dir(kind)
    if name.startswith("is") or name in ("startswith", "endswith")
}
NAMED_TYPES = {}


def named_type(name, fields):
    """The type of named tuples that a side makes of the other's."""
    if not ABOUT_PLAIN.isdisjoint(fields):
        raise ValueError("a named tuple has a field that answers for a plain value")
    if (name, fields) not in NAMED_TYPES:
        NAMED_TYPES[name, fields] = collections.namedtuple(name, fields)
    return NAMED_TYPES[name, fields]


def fields_of(value):
    """The names of a named tuple's fields, where another side can have them."""
    name, fields = type(value).__name__, getattr(type(value), "_fields", None)
    if type(fields) is not tuple or len(fields) != tuple.__len__(value) or not set(map(type, fields)) <= {str}:
        return None
    is_named = all(word.isidentifier() and not word.startswith("_") for word in (name.strip("_"), *fields))
    return list(fields) if is_named and ABOUT_PLAIN.isdisjoint(fields) else None


def references(objects, number):
    """How many hold an object, this table included."""
    return sys.getrefcount(objects[number])


# References to an object that only a table holds.
ALONE = references({0: []}, 0)


class Shared:
    """One side's copies of the objects that both hold.

    `refer` makes the data of what is no plain data, `resolve` takes a tag, a number and a content that are none.
    """

    def __init__(self, sign, refer, resolve):
        # The side's own numbers have this sign.
        self.sign = sign
        self.refer, self.resolve = refer, resolve
        self.count = 0
        self.objects = {}
        self.numbers = {}
        # The items of what can change, as both sides have them.
        self.agreed = {}
        # Numbers that were given in the message that is being made.
        self.added = []

    def add(self, value):
        """Gives an object a number."""
        self.count += 1
        number = self.sign * self.count
        self.objects[number], self.numbers[id(value)] = value, number
        self.added.append(number)
        return number

    def hold(self, value, number):
        """Takes an object of the other side's under its number."""
        if type(number) is not int or number * self.sign >= 0 or number in self.objects:
            raise ValueError("an object has no number of its own")
        self.objects[number], self.numbers[id(value)] = value, number
        return value

    def drop(self, number):
        value = self.objects.pop(number)
        if self.numbers.get(id(value)) == number:
            del self.numbers[id(value)]
        self.agreed.pop(number, None)

    def message(self, fill):
        """A message of what changed and of what `fill` encodes. What could not be encoded has left no trace."""
        agreed, self.added = dict(self.agreed), []
        try:
            return {"changed": self.changes(), **fill()}
        except BaseException:
            for number in self.added:
                self.drop(number)
            self.agreed = agreed
            raise

    def changes(self):
        found = []
        for number, before in list(self.agreed.items()):
            _, _, items_of, _ = changing(self.objects[number])
            now = items_of(self.objects[number])
            if len(now) != len(before) or not all(map(operator.is_, now, before)):
                self.agreed[number] = now
                found.append([number, [self.encode(item) for item in now]])
        return found

    def take(self, changed):
        """Changes what the other side changed."""
        for number, items in changed:
            value, _ = self.objects[number], self.agreed[number]
            _, _, items_of, fill = changing(value)
            fill(value, [self.decode(item) for item in items])
            self.agreed[number] = items_of(value)

    def forgotten(self):
        """Drops what this side alone holds by this table; returns the numbers."""
        gone = []
        while True:
            alone = [number for number in self.objects if references(self.objects, number) <= ALONE]
            if not alone:
                return gone
            for number in alone:
                self.drop(number)
            gone += alone

    def again(self, value):
        """An object that crosses once more."""
        return value

    def encode(self, value):
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            number = int.__int__(value)
            return number if number.bit_length() <= MANY_BITS else ["int", 0, hex(number)]
        if isinstance(value, float) and float.__sub__(value, value) == 0:
            return float.__float__(value)
        number = self.numbers.get(id(value))
        if number is not None:
            return ["same", number, None]
        if isinstance(value, float):
            return ["float", self.add(value), float.__repr__(value)]
        for tag, (kind, _, items_of, _) in CHANGING.items():
            if isinstance(value, kind):
                # It has its number before its items have theirs: it may be one of them.
                number, items = self.add(value), items_of(value)
                self.agreed[number] = items
                content = [self.encode(item) for item in items]
                return [tag, number, [value.maxlen, *content] if tag == "deque" else content]
        for kind, tag, data in FIXED:
            if isinstance(value, kind):
                content = data(value, self.encode)
                if tag == "tuple" and type(value) is not tuple and (fields := fields_of(value)):
                    tag, content = "named", [type(value).__name__.strip("_"), fields, content]
                return [tag, self.add(value), content]
        return self.refer(value)

    def decode(self, data):
        if type(data) is not list:
            if type(data) is dict:
                raise ValueError("a value has no number")
            return data
        tag, number, content = data
        if tag == "same":
            return self.again(self.objects[number])
        if tag == "int":
            return int(content, 16)
        if tag in CHANGING:
            _, make, items_of, fill = CHANGING[tag]
            value, content = make(content)
            self.hold(value, number)
            fill(value, [self.decode(item) for item in content])
            self.agreed[number] = items_of(value)
            return value
        if tag in MADE:
            return self.hold(MADE[tag](content, self.decode), number)
        return self.resolve(tag, number, content)


def changing(value):
    """The row of `CHANGING` that an object falls under."""
    return next(row for row in CHANGING.values() if isinstance(value, row[0]))
