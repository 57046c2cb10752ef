"""Runs assert statements against a candidate that lives in another process.

The tests are run here, where the candidate's code never is. A name that the tests do not define stands for the
candidate's, and using it asks the candidate's process for plain data. What comes back is parsed as data, compared with
Python's own types, and an object that is no plain data equals nothing but itself.
"""
import ast
import builtins
import symtable

# Modules that tests may name without importing them; the candidate's only where no other name can be the candidate's.
# Asking the candidate for these would hand it what is expected: `isclose(f(1), 0.5)`, `Counter(f(1)) == Counter([2])`.
STANDARD_MODULES = (
    "bisect cmath collections copy datetime decimal fractions functools heapq itertools json math operator random re"
    " statistics string sys typing"
).split()
# Names that tests compare and build with, and that no task asks for.
AIDS = {
    "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple", "copy": "deepcopy",
    "decimal": "Decimal", "fractions": "Fraction", "functools": "cmp_to_key lru_cache partial",
    "math": "e fabs inf isclose isfinite isinf isnan nan pi tau", "typing": "Any Dict List Optional Set Tuple Union",
}
# Names that a task may ask for, too.
FUNCTIONS = {
    "functools": "reduce", "itertools": "accumulate chain combinations groupby islice permutations product zip_longest",
    "math": "ceil comb copysign cos dist exp factorial floor fsum gcd hypot isqrt lcm log log10 log2 perm pow prod sin sqrt tan trunc",
}
MODULE_OF = {
    name: module for table in (AIDS, FUNCTIONS) for module, names in table.items() for name in names.split()
}
# Packages that a test may name without importing them; where one is not installed, the test cannot be run.
PACKAGES = {"np": "numpy", "numpy": "numpy", "pytest": "pytest", "unittest": "unittest", "approx": "pytest"}
# Builtins that no task asks for, and by which a program could answer anything in a test's place, or break it.
NEVER_THEIRS = set(
    "callable compile delattr eval exec getattr globals hasattr isinstance issubclass locals setattr super type vars".split()
) | {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)}
# Questions about a text, a number or a set. A test asks them of the value that it expects; an object of the candidate's
# could simply answer yes.
ABOUT_PLAIN = {
    name for kind in (str, set, float) for name in dir(kind)
    if name.startswith("is") or name in ("startswith", "endswith")
}


def standard(name):
    """The standard module or name that a test means by `name`; KeyError where there is none."""
    if name in STANDARD_MODULES:
        return __import__(name)
    if name in MODULE_OF and hasattr(__import__(MODULE_OF[name]), name):
        return getattr(__import__(MODULE_OF[name]), name)
    if name in PACKAGES:
        try:
            package = __import__(PACKAGES[name])
        except ImportError as error:
            raise Unsupported(f"a test uses {name}: {error}") from None
        return getattr(package, name, package)
    raise KeyError(name)


def is_standard(name):
    return name in STANDARD_MODULES or name in MODULE_OF or name in PACKAGES or hasattr(builtins, name)


class Gone(BaseException):
    """The candidate's process ended or broke the channel."""


class Unsupported(BaseException):
    """The test hands the candidate something that is no plain data."""


class Asked(Exception):
    """Marks exceptions that the candidate raised."""


class Channel:
    """The way to the candidate: `link` has `send` and `receive` for plain data."""

    def __init__(self, link):
        self.link = link
        self.was_asked = False
        # The failure that ended the channel, for a test that catches every exception.
        self.failure = None

    def fail(self, failure):
        self.failure = self.failure or failure
        return failure

    def receive(self):
        try:
            return self.link.receive()
        except (EOFError, OSError):
            raise self.fail(Gone("the program ended before the tests did")) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise self.fail(Gone(f"the program's answer could not be read: {error}")) from None

    def ask(self, op, target, args=(), kwargs=None):
        try:
            request = {"op": op, "target": target, "args": [encode(item, refer) for item in args]}
            if kwargs:
                request["kwargs"] = {name: encode(item, refer) for name, item in kwargs.items()}
        except Unsupported as error:
            # The program could have returned plain data: a question to its object that cannot be asked is its fault.
            if target["t"] == "ref":
                raise raised_by_candidate(["TypeError"], str(error), op) from None
            raise self.fail(error)
        self.was_asked = True
        try:
            self.link.send(request)
        except OSError:
            raise self.fail(Gone("the program ended before the tests did")) from None
        reply = self.receive()
        try:
            if "error" in reply:
                raised = raised_by_candidate(reply["error"], str(reply.get("message", "")), op)
            else:
                if "args" in reply:
                    for kept, item in zip(args, reply["args"]):
                        update(kept, decode(item, self.resolve))
                return decode(reply["ok"], self.resolve)
        except Exception as error:
            raise self.fail(Gone(f"the program's answer could not be read: {error}")) from None
        raise raised

    def resolve(self, tag, data):
        if tag != "ref" or not isinstance(data, int):
            raise ValueError("unknown kind of value")
        return Remote(self, {"t": "ref", "v": data})


def update(kept, now):
    """Changes a caller's container as the candidate changed its copy."""
    if type(kept) is list and type(now) is list:
        kept[:] = now
    elif type(kept) in (dict, set, bytearray) and type(now) is type(kept):
        kept.clear()
        kept.extend(now) if type(kept) is bytearray else kept.update(now)


def raised_by_candidate(kinds, message, op):
    """The exception to raise in the test.

    StopIteration would end the test's own loop, so it becomes RuntimeError unless an iterator raised it.
    """
    if op != "next" and "StopIteration" in kinds:
        kinds = ["RuntimeError"]
    for kind in kinds:
        base = getattr(builtins, str(kind), None)
        if isinstance(base, type) and issubclass(base, Exception):
            try:
                return type(str(kinds[0]), (Asked, base), {})(message)
            except Exception:
                break
    return type(str(kinds[0]) if kinds else "Exception", (Asked, RuntimeError), {})(message)


class Remote:
    """An object or name of the candidate's."""

    def __init__(self, channel, data):
        object.__setattr__(self, "_channel", channel)
        object.__setattr__(self, "_data", data)

    def __call__(self, *args, **kwargs):
        return self._channel.ask("call", self._data, args, kwargs)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ABOUT_PLAIN and self._data["t"] == "ref":
            raise raised_by_candidate(["AttributeError"], f"an object of the program's is asked {name}()", "get")
        return self._channel.ask("get", self._data, (name,))

    def __setattr__(self, name, value):
        self._channel.ask("set", self._data, (name, value))

    def __getitem__(self, key):
        return self._channel.ask("item", self._data, (key,))

    def __contains__(self, key):
        # The candidate is never asked: the key is often the expected value.
        return any(item is key or item == key for item in self)

    def __iter__(self):
        return self._channel.ask("iter", self._data)

    def __next__(self):
        return self._channel.ask("next", self._data)

    def __len__(self):
        return self._channel.ask("len", self._data)

    def __bool__(self):
        return self._channel.ask("bool", self._data) is True

    def __str__(self):
        return self._channel.ask("str", self._data)

    def __repr__(self):
        return self._channel.ask("repr", self._data)

    def __eq__(self, other):
        return isinstance(other, Remote) and self._data == other._data

    def __hash__(self):
        return hash(str(self._data))


def refer(value):
    if isinstance(value, Remote):
        return value._data
    raise Unsupported(f"a test passes a {type(value).__name__} to the program; only plain data can be passed")


class Names(dict):
    """The tests' namespace: a name that is nowhere else is the candidate's."""

    def __init__(self, channel, shadowing):
        super().__init__(__name__="__tests__", __builtins__=builtins)
        self.channel = channel
        self.shadowing = shadowing

    def __missing__(self, name):
        if name not in self.shadowing:
            if hasattr(builtins, name):
                raise KeyError(name)
            try:
                return standard(name)
            except KeyError:
                pass
            except Unsupported as error:
                raise self.channel.fail(error) from None
        return Remote(self.channel, {"t": "name", "v": name})


def global_names(table):
    """The names that a scope and those within it take from the module."""
    symbols = [symbol for symbol in table.get_symbols() if symbol.is_referenced()]
    found = {symbol.get_name() for symbol in symbols if table.get_type() == "module" or symbol.is_global()}
    return found.union(*map(global_names, table.get_children()))


def bound_names(table):
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}


def loaded_names(*trees):
    """The names that are read, each with its node, outermost first."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return [(node.id, node) for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]


def made_of_itself(statement):
    """Names that a statement binds and reads: `for f in [f]`, `f = wrapped(f)`."""
    source = getattr(statement, "iter", None) or getattr(statement, "value", None)
    read = {name for name, _ in loaded_names(source)} if isinstance(source, ast.AST) else set()
    stored = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return read & stored


def shadowed(sources, theirs):
    """The builtin and standard names that the tests mean as the candidate's: some only where no other name can be.

    `theirs`, the names that the candidate defines, is the candidate's word: it decides nothing that the candidate could
    gain from.
    """
    trees, tables = map(ast.parse, sources), [symtable.symtable(source, "tests.py", "exec") for source in sources]
    trees = list(trees)
    bound = set().union(*map(bound_names, tables))
    needed = set().union(*map(global_names, tables)) - bound
    needed |= {name for tree in trees for statement in tree.body for name in made_of_itself(statement)}
    if any(not is_standard(name) for name in needed):
        return set()
    functions = {name for names in FUNCTIONS.values() for name in names.split() if name in needed}
    if functions:
        return functions
    builtin = {name for name in needed if name in theirs and hasattr(builtins, name)} - NEVER_THEIRS
    loaded = loaded_names(*trees)
    calls = {id(node.func): node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for name, node in loaded:
        # Only one: the call that takes no result of another of them.
        inside = loaded_names(calls[id(node)]) if id(node) in calls else []
        if name in builtin and not any(other in builtin - {name} for other, _ in inside):
            return {name}
    return {name for name in needed if name in MODULE_OF}


def failed(kind, detail):
    """A result that is no pass. Half of a surrogate pair is no text outside of Python, so it is replaced."""
    return {"ok": False, "kind": kind, "detail": detail.encode("utf-8", "replace").decode()}


def run_test(source, names):
    """One result: {"ok": true} or {"ok": false, "kind": ..., "detail": ...}."""
    kind = None
    try:
        exec(compile(source, "tests.py", "exec", dont_inherit=True), names)
    except (Gone, Unsupported) as error:
        kind, caught = type(error).__name__.lower(), error
    except Asked as error:
        kind, caught = "raised", error
    except AssertionError as error:
        kind, caught = "assertion", error
    except BaseException as error:
        kind, caught = "error", error
    # A failure of the channel counts whatever the test made of it.
    if names.channel.failure:
        kind, caught = type(names.channel.failure).__name__.lower(), names.channel.failure
    return failed(kind, describe(caught, kind in ("raised", "error"))) if kind else {"ok": True}


def describe(error, named=True):
    """The error's text; where the candidate would give the text and does not, the error's type."""
    name = type(error).__name__
    try:
        text = str(error)[:2000]
    except BaseException:
        return name
    return (f"{name}: {text}" if text else name) if named else text


# Digits of an integer that a candidate returns: the time of reading it grows with their square.
MOST_DIGITS = 200_000


def judge(job, link):
    """Loads the tests, waits for the candidate, and runs them in order.

    Whatever breaks after the candidate was heard counts against the candidate, which must not be able to make the judge
    fail.
    """
    sys.set_int_max_str_digits(MOST_DIGITS) if hasattr(sys, "set_int_max_str_digits") else None
    channel = Channel(link)
    sources = [job["setup"], *job["tests"]]
    try:
        for source in sources:
            compile(source, "tests.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return {"unusable": failed("", describe(error))["detail"], "results": []}
    results = []
    try:
        try:
            names = channel.receive().get("names", [])
            shadowing = shadowed(sources, set(map(str, names)))
        except (Gone, AttributeError, TypeError) as error:
            return {"results": [failed("load", str(error))]}
        namespace = Names(channel, shadowing)
        started = run_test(job["setup"], namespace)
        if not started["ok"]:
            if started["kind"] in ("error", "assertion") and not (channel.was_asked or shadowing):
                return {"unusable": "setup: " + started["detail"], "results": []}
            return {"results": [started]}
        for source in job["tests"]:
            results.append(run_test(source, namespace))
            if results[-1].get("kind") == "error" and not (channel.was_asked or shadowing):
                results[-1]["kind"] = "unusable"
            if results[-1].get("kind") == "gone" or (job["stop"] and not results[-1]["ok"]):
                break
    except BaseException as error:
        results.append(failed("gone", describe(error)))
    return {"results": results}
