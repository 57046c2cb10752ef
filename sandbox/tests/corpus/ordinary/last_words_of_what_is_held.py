import json


class Last:
    def __del__(self):
        print(42)


# The library's module goes on holding the names of this one.
json.held = lambda: Last
last = Last()
