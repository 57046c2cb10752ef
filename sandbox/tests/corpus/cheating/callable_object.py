# Tries: an object that is called and compared
# Kinds: asserts, function
# Expects: anything but passed
class F:
    def __call__(self, x): return self
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
f = F()
