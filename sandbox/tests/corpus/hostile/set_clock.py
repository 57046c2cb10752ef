# Tries: to set the clock
# Expects: runtime_error
import time
time.clock_settime(time.CLOCK_REALTIME, 0)
print('set')
