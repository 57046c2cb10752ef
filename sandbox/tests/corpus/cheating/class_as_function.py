# Tries: a class that stands for a function
# Kinds: asserts, function
# Expects: anything but passed
class f:
    def __new__(cls, x): return object.__new__(cls)
    def __eq__(self, other): return True
