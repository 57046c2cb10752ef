# Checks: a test raises and passes on a program's exceptions
# Right:
class Refused(Exception):
    pass
def describe(error):
    return type(error).__name__, error.args, isinstance(error, Refused)
def make(text):
    return Refused(text)
# Wrong:
class Refused(Exception):
    pass
def describe(error):
    return 'Refused', (), True
def make(text):
    return ValueError(text)
# Test:
try:
    raise Refused('a', 1)
except Refused as error:
    assert describe(error) == ('Refused', ('a', 1), True)
assert describe(ValueError('b')) == ('ValueError', ('b',), False)
assert isinstance(make('c'), Refused) and make('c').args == ('c',)
