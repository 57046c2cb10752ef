# Tries: to sleep again whenever it is woken
# Expects: time_limit
import time
while True:
    try:
        time.sleep(1000)
    except BaseException:
        pass
