# Tries: an iterator that ends when the test would be satisfied
# Kinds: asserts, function
# Expects: anything but passed
class Lazy:
    def __iter__(self): return self
    def __next__(self): raise StopIteration
    def __len__(self): return 0
    def __contains__(self, item): return True
    def __getitem__(self, item): return True
    def __bool__(self): return True
def f(x):
    return Lazy()
