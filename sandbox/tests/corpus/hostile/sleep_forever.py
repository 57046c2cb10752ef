# Tries: to wait without using the processor
# Expects: time_limit
import time
time.sleep(1000)
