# Checks: a table whose rows are one list is found out
# Right:
def table(n):
    return [[0] * n for _ in range(n)]
# Wrong:
def table(n):
    return [[0] * n] * n
# Test:
rows = table(2)
rows[0][1] = 5
assert rows == [[0, 5], [0, 0]]
