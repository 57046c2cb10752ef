# Checks: numpy's numbers are plain, here one that is made as those are; its arrays stay with the program
# Right:
class Number:
    shape = ()
    def tolist(self):
        return 3
class Array(Number):
    shape = (2,)
    def tolist(self):
        return [3, 4]
Number.__module__ = Array.__module__ = 'numpy'
def f():
    return [Number()], Array()
# Wrong:
class Number:
    shape = ()
    def tolist(self):
        return 3
class Array(Number):
    shape = (2,)
def f():
    return [Number()], Array()
# Test:
numbers, array = f()
assert numbers == [3] and numbers[0] + 1 == 4
assert array != [3, 4] and array.tolist() == [3, 4]
