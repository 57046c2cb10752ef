"""The judge's side of the candidate's objects, exceptions and coroutines: each stands for one in the other process.

An exception is the judge's own, of the class that the candidate raised: a builtin or standard one, or a copy of the
candidate's class, which `except` takes. It has the candidate's `args`, attributes and message. Nothing that is made
here says anything about a plain value.
"""
import builtins
import sys

# More modules whose exceptions tests may name. Not unittest: to its runners some exceptions are no failure.
WITH_ERRORS = (
    "argparse ast binascii codecs concurrent configparser contextlib csv dataclasses enum graphlib inspect"
    " ipaddress pickle queue shutil socket sqlite3 struct subprocess tarfile threading tokenize urllib zipfile zlib"
).split()
# Names of what stands here for something of the candidate's; no attribute of the candidate's has one of them.
STANDS_FOR, SAID, RAISED = "__stands_for__", "__said__", "__raised__"


class Gone(BaseException):
    """The candidate's process ended or broke the channel."""


class Unsupported(BaseException):
    """The test hands the candidate something that is no plain data."""


class Copies(Shared):
    """The judge's copies."""

    # True while what crosses is what a test asked for by its name.
    is_named = False

    def again(self, value):
        # A function or class that a test names is from here on an answer, too.
        if isinstance(value, Remote) and not self.is_named:
            vars(value)["_is_answer"] = True
        return value


class Channel:
    """The way to the candidate: `link` has `send` and `receive` for plain data."""

    def __init__(self, link, asked_of_names, awaits):
        self.link = link
        # Attributes that the tests ask of names, as pairs; true where coroutines are awaited for the tests.
        self.asked_of_names, self.awaits = asked_of_names, awaits
        self.shared = Copies(1, self.refer, self.resolve)
        # The candidate's names: those of functions and classes with what stands for them, the others with None.
        self.known = {}
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

    def load(self):
        """Waits for the candidate's module; returns the names in it."""
        names = {}
        for name, data in self.receive()["names"].items():
            value = names[name] = self.shared.decode(data)
            remote = vars(value)[STANDS_FOR] if isinstance(value, ErrorType) else value
            if isinstance(remote, Remote) and not vars(remote)["_name"]:
                vars(remote)["_name"] = name
        self.known = names
        return set(map(str, names))

    def named(self, name):
        """What a name of the candidate's stands for. One that it has not is looked up when it is used."""
        if name not in self.known:
            self.known[name] = Remote(self, name)
        if self.known[name] is not None:
            return self.known[name]
        self.shared.is_named = True
        try:
            value = self.ask("value", Remote(self, name))
        finally:
            self.shared.is_named = False
        if isinstance(value, Remote) and not vars(value)["_name"]:
            vars(value)["_name"] = name
        return value

    def ask(self, op, target, /, *args, **kwargs):
        encode = self.shared.encode
        # Texts and integers that are returned as they came are the caller's own, as the others are by their numbers.
        own = {(type(item), item): item for item in args if type(item) in (str, int)}
        try:
            request = self.shared.message(lambda: {
                "op": op, "target": encode(target), "args": [encode(item) for item in args],
                "kwargs": {name: encode(item) for name, item in kwargs.items()}, "awaits": self.awaits,
            })
        except Unsupported as error:
            # The program could have returned plain data: a question to its object that cannot be asked is its fault.
            if vars(target)["_is_answer"] or not vars(target)["_name"]:
                raise self.marked(TypeError(str(error))) from None
            raise self.fail(error)
        request["forgotten"] = self.shared.forgotten()
        self.was_asked = True
        try:
            self.link.send(request)
        except OSError:
            raise self.fail(Gone("the program ended before the tests did")) from None
        reply = self.receive()
        raised = None
        try:
            self.shared.take(reply["changed"])
            if "error" in reply:
                raised = self.raised(self.shared.decode(reply["error"]), op)
            else:
                value = self.shared.decode(reply["ok"])
                return own.get((type(value), value), value) if type(value) in (str, int) else value
        except Exception as error:
            raise self.fail(Gone(f"the program's answer could not be read: {type(error).__name__}: {error}")) from None
        try:
            raise raised
        finally:
            # Its traceback holds this frame: as long as both held each other, what the frames hold would stay.
            del raised

    def raised(self, error, op):
        """The exception to raise in the test.

        What ends a loop would end the test's own, so it becomes RuntimeError unless an iterator raised it.
        """
        if not isinstance(error, BaseException):
            raise TypeError("no exception")
        if isinstance(error, {"next": (), "await": ()}.get(op, (StopIteration, StopAsyncIteration))):
            error = RuntimeError(str(error))
        return self.marked(error)

    @staticmethod
    def marked(error):
        """Marks an exception as the candidate's."""
        vars(error)[RAISED] = True
        return error

    def refer(self, value):
        """Data of what is no plain data and has not come from the candidate."""
        if isinstance(value, Remote):
            number = vars(value)["_number"]
            return ["same", number, None] if number else ["name", 0, vars(value)["_name"]]
        name = getattr(value, "__name__", None)
        if isinstance(name, str) and vars(builtins).get(name) is value:
            return ["builtin", self.shared.add(value), name]
        if isinstance(value, BaseException) and vars(builtins).get(type(value).__name__) is type(value):
            arguments = [self.shared.encode(item) for item in value.args]
            return ["error", self.shared.add(value), [self.shared.encode(type(value)), arguments]]
        raise Unsupported(f"a test passes a {type(value).__name__} to the program; only plain data can be passed")

    def resolve(self, tag, number, content):
        if tag == "object":
            return self.shared.hold(Remote(self), number)
        if tag == "coroutine":
            return self.awaited(self.shared.hold(Remote(self), number))
        if tag == "error type":
            return self.error_type(number, *content)
        if tag == "error":
            return self.error(number, *content)
        if tag == "builtin" and id(vars(builtins)[content]) in PLAIN_TYPES:
            return vars(builtins)[content]
        raise ValueError("unknown kind of value")

    def error_type(self, number, module, name, bases):
        """A standard class of exceptions, or a copy of the candidate's with the same bases."""
        kind = standard_error(module, name)
        if kind is None:
            bases = [base for base in map(self.shared.decode, bases) if issubclass(base, BaseException)]
            kind = copy_of_type(name, bases, Remote(self, number=number))
        return self.shared.hold(kind, number)

    def error(self, number, kind, arguments, state, cause, said):
        kind, arguments = self.shared.decode(kind), tuple(map(self.shared.decode, arguments))
        if not issubclass(kind, BaseException):
            raise TypeError("no exception")
        error = self.shared.hold(made(kind, arguments), number)
        for name, item in state:
            if name not in ABOUT_PLAIN and (not name.startswith("__") or name == "__notes__"):
                vars(error)[name] = self.shared.decode(item)
        cause = self.shared.decode(cause)
        error.__cause__ = cause if isinstance(cause, BaseException) else None
        if isinstance(error, Error):
            vars(error).update({SAID: str(said), STANDS_FOR: Remote(self, number=number)})
        return error

    async def awaited(self, target):
        """Waits for a coroutine of the candidate's, while others go on beside it."""
        import asyncio

        try:
            while True:
                is_done, value = self.ask("await", target)
                if is_done:
                    return value
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.ask("cancel", target)
            raise


def copy_of_type(name, bases, remote):
    """A class of exceptions that stands for the candidate's."""
    own = [] if any(issubclass(base, Error) for base in bases) else [Error]
    # A program that has its own class in the place of a builtin one means that one.
    builtin = vars(builtins).get(name)
    builtin = [builtin] if isinstance(builtin, type) and issubclass(builtin, BaseException) else []
    for ancestors in ([*own, *builtin, *bases], [*own, *bases], [*own, *bases[:1]]):
        try:
            return ErrorType(name, tuple(ancestors), {STANDS_FOR: remote, "__module__": "solution"})
        except TypeError:
            # Classes whose objects are laid out in different ways cannot be ancestors of one.
            pass
    raise ValueError("an exception has no class")


def made(kind, arguments):
    """An exception with these `args`; one whose class takes others is made without."""
    try:
        error = kind.__new__(kind, *arguments)
        error.__init__(*arguments)
    except Exception:
        error = kind.__new__(kind)
    error.args = arguments
    return error


def standard_error(module, name):
    """The standard library's class of exceptions of that name, if the tests could have it too."""
    root = str(module).split(".")[0].lstrip("_")
    if root not in STANDARD_MODULES and root not in WITH_ERRORS:
        return None
    try:
        __import__(root)
    except ImportError:
        return None
    kind = vars(sys.modules.get(module, builtins)).get(name)
    return kind if isinstance(kind, type) and issubclass(kind, BaseException) else None


class Remote:
    """An object or name of the candidate's."""

    def __init__(self, channel, name=None, number=None):
        vars(self).update(_channel=channel, _name=name, _number=number, _is_answer=False)

    def __call__(self, /, *args, **kwargs):
        return self._channel.ask("call", self, *args, **kwargs)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ABOUT_PLAIN and (self._name, name) not in self._channel.asked_of_names:
            raise self._channel.marked(AttributeError(f"an object of the program's is asked {name}()"))
        return self._channel.ask("get", self, name)

    def __setattr__(self, name, value):
        self._channel.ask("set", self, name, value)

    def __getitem__(self, key):
        return self._channel.ask("item", self, key)

    def __contains__(self, key):
        # The candidate is never asked: the key is often the expected value.
        return any(item is key or item == key for item in self)

    def __iter__(self):
        return self._channel.ask("iter", self)

    def __next__(self):
        return self._channel.ask("next", self)

    def __len__(self):
        return self._channel.ask("len", self)

    def __bool__(self):
        return self._channel.ask("bool", self) is True

    def __str__(self):
        return self._channel.ask("str", self)

    def __repr__(self):
        return self._channel.ask("repr", self)

    def __await__(self):
        return self._channel.awaited(self).__await__()

    def __aiter__(self):
        return self._channel.ask("aiter", self)

    def __anext__(self):
        return self._channel.awaited(self._channel.ask("anext", self))


class ErrorType(type):
    """A class of exceptions that stands for one of the candidate's: it is called and asked there."""

    def __call__(cls, /, *args, **kwargs):
        if STANDS_FOR not in vars(cls):
            return super().__call__(*args, **kwargs)
        return vars(cls)[STANDS_FOR](*args, **kwargs)

    def __getattr__(cls, name):
        if STANDS_FOR not in vars(cls):
            raise AttributeError(name)
        return getattr(vars(cls)[STANDS_FOR], name)


class Error:
    """An exception of a class of the candidate's."""

    def __str__(self):
        return vars(self).get(SAID, "")

    def __getattr__(self, name):
        remote = vars(self).get(STANDS_FOR)
        if remote is None:
            raise AttributeError(name)
        return getattr(remote, name)
