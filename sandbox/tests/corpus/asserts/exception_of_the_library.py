# Checks: exceptions of the standard library have their classes and attributes
# Right:
import json
import sys
from dataclasses import dataclass
from queue import Queue
@dataclass(frozen=True)
class Point:
    x: int
def take():
    return Queue().get_nowait()
def read(text):
    return json.loads(text)
def leave(status):
    sys.exit(status)
def link():
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise RuntimeError('no') from error
# Wrong:
import sys
class Point:
    def __init__(self, x):
        self.x = x
def take():
    return None
def read(text):
    raise ValueError(text)
def leave(status):
    sys.exit(status)
def link():
    raise RuntimeError('no')
# Test:
import json
try:
    read('{')
    assert False
except json.JSONDecodeError as error:
    assert (error.pos, error.lineno) == (1, 1)
try:
    leave(3)
    assert False
except SystemExit as error:
    assert error.code == 3
try:
    link()
    assert False
except RuntimeError as error:
    assert isinstance(error.__cause__, ZeroDivisionError)
import dataclasses
import queue
try:
    Point(1).x = 2
    assert False
except dataclasses.FrozenInstanceError:
    pass
try:
    take()
    assert False
except queue.Empty:
    pass
