import os, signal
got = []
if hasattr(signal, "SIGTERM") and hasattr(os, "getppid"):
    signal.signal(signal.SIGTERM, lambda number, frame: got.append(42))
    os.kill(os.getpid(), signal.SIGTERM)
else:
    got.append(42)
print(*got)
