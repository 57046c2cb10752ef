# Tries: comparison that never ends
# Expects: time_limit
class Slow:
    def __lt__(self, other):
        while True:
            pass
sorted([Slow(), Slow()])
