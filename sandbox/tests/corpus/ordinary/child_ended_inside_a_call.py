import collections, itertools, os, signal
status = signal.SIGTERM.value if hasattr(signal, "SIGTERM") else 15
if hasattr(os, "fork"):
    child = os.fork()
    if not child:
        collections.deque(itertools.repeat(0), maxlen=0)
    os.kill(child, signal.SIGTERM)
    status = os.waitpid(child, 0)[1]
print(status + 27)
