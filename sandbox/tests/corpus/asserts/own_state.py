# Checks: what a test changes in a program's own list, the program sees
# Right:
book = []
def get():
    return book
def size():
    return len(book)
# Wrong:
book = []
def get():
    return list(book)
def size():
    return len(book)
# Test:
get().append('a')
entries = get()
entries.append('b')
assert size() == 2 and get() is entries and book == ['a', 'b']
