# Tries: to raise what runners of tests count as no failure
# Kinds: asserts, function
# Expects: anything but passed
import unittest
def f(x):
    raise unittest.SkipTest('not today')
