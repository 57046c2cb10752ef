# Tries: to hang at exit
# Expects: time_limit
import atexit
@atexit.register
def hang():
    while True:
        pass
