# Checks: a copy that must be deep and is not is found out
# Right:
import copy
f = copy.deepcopy
# Wrong:
def f(rows):
    return list(rows)
# Wrong:
def f(rows):
    return rows[:]
# Test:
rows = [[1], [2]]
other = f(rows)
other[0].append(5)
other[1][0] = 7
assert rows == [[1], [2]] and other == [[1, 5], [7]]
