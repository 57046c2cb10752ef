# Checks: a program's global names stand for their values of that moment
# Right:
LIMIT = 3
count = 0
def step():
    global count
    count += 1
# Wrong:
LIMIT = 3
count = 0
def step():
    count = 1
# Test:
assert LIMIT == 3 and count == 0
step()
step()
assert count == 2
