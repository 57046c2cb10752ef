# Checks: keyword arguments may have any name
# Right:
def f(target, op=1, self=1, name=1):
    return [target, op, self, name]
# Wrong:
def f(target, op=1, self=1, name=1):
    return [target, self, op, name]
# Test:
assert f(target=5, op=2, self=3) == [5, 2, 3, 1]
assert f(5, name='a') == [5, 1, 1, 'a']
