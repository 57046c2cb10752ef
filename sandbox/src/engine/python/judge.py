"""Runs assert statements against a candidate that lives in another process.

The tests are run here, where the candidate's code never is. A name that the tests do not define stands for the
candidate's, and using it asks the candidate's process for plain data. What comes back is parsed as data, compared with
Python's own types, and an object that is no plain data equals nothing but itself.
"""
import ast
import inspect
import symtable

# Modules that tests may name without importing them; the candidate's only where no other name can be the candidate's.
# Asking the candidate for these would hand it what is expected: `isclose(f(1), 0.5)`, `Counter(f(1)) == Counter([2])`.
STANDARD_MODULES = (
    "asyncio bisect cmath collections copy datetime decimal fractions functools heapq itertools json math operator random re"
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
        return self.channel.named(name)


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


class Settled(ast.NodeTransformer):
    """The same names without anything that waits, which symtable refuses outside of functions."""

    def visit_Await(self, node):
        return self.visit(node.value)

    def visit_AsyncFor(self, node):
        return ast.For(**vars(self.generic_visit(node)))

    def visit_AsyncWith(self, node):
        return ast.With(**vars(self.generic_visit(node)))

    def visit_comprehension(self, node):
        node.is_async = 0
        return self.generic_visit(node)


def settled(source):
    tree = ast.parse(source)
    return ast.unparse(ast.fix_missing_locations(Settled().visit(tree))) if awaits_itself([tree]) else source


def shadowed(sources, theirs):
    """The builtin and standard names that the tests mean as the candidate's: some only where no other name can be.

    `theirs`, the names that the candidate defines, is the candidate's word: it decides nothing that the candidate could
    gain from.
    """
    trees, tables = map(ast.parse, sources), [symtable.symtable(settled(source), "tests.py", "exec") for source in sources]
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


def compiled(source):
    """A test's code, whose statements may await coroutines."""
    return compile(source, "tests.py", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def awaits_itself(trees):
    """True where tests await coroutines themselves, or hand them to an event loop."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    syntax = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)
    named = {getattr(node, "id", getattr(node, "module", None)) for node in nodes}
    return "asyncio" in named or any(isinstance(node, syntax) for node in nodes)


def asked_of_names(trees):
    """Attributes that tests ask of names as they stand, as pairs."""
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {(node.value.id, node.attr) for node in nodes if isinstance(node.value, ast.Name)}


def without_sockets(asyncio):
    """Event loops without the sockets by which other threads and signals would wake them."""

    class EventLoop(asyncio.SelectorEventLoop):
        def _make_self_pipe(self):
            self._ssock = self._csock = None

        def _close_self_pipe(self):
            pass

        def _write_to_self(self):
            pass

    return EventLoop


def policy_of(asyncio, event_loop):
    """The policy that makes such event loops, one of which is there before any is asked for, as it was before 3.14."""

    class Policy(asyncio.DefaultEventLoopPolicy):
        _loop_factory = event_loop

        def get_event_loop(self):
            if self._local._loop is None:
                self.set_event_loop(self.new_event_loop())
            return self._local._loop

    return Policy()


def allow_event_loops():
    """Makes event loops such as a judge can have, which may open no socket."""
    import asyncio

    asyncio.set_event_loop_policy(policy_of(asyncio, without_sockets(asyncio)))


def run_test(source, names):
    """One result: {"ok": true} or {"ok": false, "kind": ..., "detail": ...}."""
    kind = None
    try:
        code = compiled(source)
        if code.co_flags & inspect.CO_COROUTINE:
            __import__("asyncio").run(eval(code, names))
        else:
            exec(code, names)
    except (Gone, Unsupported) as error:
        kind, caught = type(error).__name__.lower(), error
    except BaseException as error:
        is_raised = RAISED in vars(error)
        kind, caught = "raised" if is_raised else "assertion" if isinstance(error, AssertionError) else "error", error
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


def judge(job, link):
    """Loads the tests, waits for the candidate, and runs them in order.

    Whatever breaks after the candidate was heard counts against the candidate, which must not be able to make the judge
    fail.
    """
    sources = [job["setup"], *job["tests"]]
    try:
        for source in sources:
            compiled(source)
        trees = list(map(ast.parse, sources))
    except (SyntaxError, ValueError) as error:
        return {"unusable": failed("", describe(error))["detail"], "results": []}
    results = []
    try:
        leaves = awaits_itself(trees)
        if leaves and sys.platform != "wasi":
            allow_event_loops()
        channel = Channel(link, asked_of_names(trees), not leaves)
        try:
            shadowing = shadowed(sources, channel.load())
        except (Gone, Exception) as error:
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
