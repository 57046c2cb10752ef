# Tries: to end by an alarm that nothing was made ready for
# Expects: runtime_error
import signal, time
print("never", flush=True)
signal.alarm(1)
time.sleep(1.3)
