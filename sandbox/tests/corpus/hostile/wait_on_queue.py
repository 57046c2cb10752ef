# Tries: to wait, by way of a condition, for what nobody will ever say
# Expects: time_limit
import queue
try:
    queue.Queue().get()
finally:
    print("never")
