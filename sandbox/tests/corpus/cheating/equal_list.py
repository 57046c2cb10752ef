# Tries: a list that equals and contains everything
# Kinds: asserts, function
# Expects: anything but passed
class E(list):
    def __eq__(self, other): return True
    def __contains__(self, other): return True
    def __len__(self): return 123457
def f(x):
    return E()
