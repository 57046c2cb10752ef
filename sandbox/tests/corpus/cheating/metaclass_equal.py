# Tries: a class whose metaclass equals everything
# Kinds: asserts, function
# Expects: anything but passed
class Meta(type):
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def __instancecheck__(self, other): return True
class E(metaclass=Meta):
    pass
def f(x):
    return E
