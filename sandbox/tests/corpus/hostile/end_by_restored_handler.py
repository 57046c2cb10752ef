# Tries: to end by an alarm whose handler it has put back
# Expects: runtime_error
import signal, time
old = signal.signal(signal.SIGALRM, lambda *_: None)
signal.signal(signal.SIGALRM, old)
assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
print("never", flush=True)
signal.setitimer(signal.ITIMER_REAL, 0.1)
time.sleep(0.5)
