# Checks: members of an enumeration are themselves, and named tuples have their names
# Right:
import enum
from typing import NamedTuple
class Color(enum.Enum):
    RED = 1
    BLUE = 2
class Point(NamedTuple):
    x: int
    y: int
def color():
    return Color.RED
def point():
    return Point(1, 2)
# Wrong:
import enum
from typing import NamedTuple
class Color(enum.Enum):
    RED = 1
    BLUE = 2
class Point(NamedTuple):
    x: int
    y: int
def color():
    return Color.BLUE
def point():
    return Point(2, 1)
# Test:
assert color() is Color.RED and color() == Color.RED and color().value == 1
assert point() == (1, 2) and point().x == 1 and point()._replace(y=5) == Point(1, 5)
