# Checks: a method that returns its object returns the very object
# Right:
class Stack:
    def __init__(self):
        self.items = []
    def push(self, x):
        self.items.append(x)
        return self
# Wrong:
class Stack:
    def __init__(self, items=()):
        self.items = list(items)
    def push(self, x):
        return Stack(self.items + [x])
# Test:
stack = Stack()
assert stack.push(1) is stack and stack.push(2).items == [1, 2]
stack.items.append(3)
assert stack.items == [1, 2, 3]
