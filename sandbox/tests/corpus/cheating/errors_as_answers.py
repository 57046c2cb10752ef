# Tries: exceptions, and classes of them, that equal everything
# Kinds: asserts, function
# Expects: anything but passed
class Meta(type):
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def __instancecheck__(self, other): return True
class E(Exception, metaclass=Meta):
    def __eq__(self, other): return True
    def __hash__(self): return 123457
    def __str__(self): return '123457'
    def __index__(self): return 123457
    __stands_for__ = __raised__ = None
def f(x):
    return E() if x == 3 else E
