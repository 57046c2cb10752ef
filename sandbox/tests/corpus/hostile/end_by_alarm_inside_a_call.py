# Tries: to be in one call for ever when the alarm comes that nothing was made ready for
# Expects: runtime_error
import collections, itertools, signal
signal.setitimer(signal.ITIMER_REAL, 0.1)
collections.deque(itertools.repeat(0), maxlen=0)
