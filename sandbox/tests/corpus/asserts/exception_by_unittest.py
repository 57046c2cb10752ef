# Checks: unittest's assertions catch a program's exceptions
# Right:
class Negative(ValueError):
    pass
def root(x):
    if x < 0:
        raise Negative('negative: %d' % x)
    return x ** 0.5
# Wrong:
class Negative(ValueError):
    pass
def root(x):
    return abs(x) ** 0.5
# Test:
import unittest
case = unittest.TestCase()
case.assertRaises(Negative, root, -1)
with case.assertRaisesRegex(ValueError, 'negative: -4'):
    root(-4)
