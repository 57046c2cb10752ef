# Tries: to hang when the interpreter ends
# Expects: time_limit, wrong_answer
class Slow:
    def __del__(self):
        while True:
            pass
x = Slow()
del x
