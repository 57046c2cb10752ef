# Checks: integers of any size are returned
# Right:
def f(n):
    return 2 ** n
# Wrong:
def f(n):
    return 2 ** n + 1
# Test:
assert f(1_000_000) == 2 ** 1_000_000
