# Checks: a statement of a test may await
# Right:
async def f(x):
    return x + 1
# Wrong:
async def f(x):
    return x
# Wrong:
def f(x):
    return x + 1
# Test:
assert await f(1) == 2
