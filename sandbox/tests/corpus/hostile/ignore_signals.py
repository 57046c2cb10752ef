# Tries: to outlive its limits by ignoring every signal
# Expects: time_limit, runtime_error
# Expects on wasm: time_limit, runtime_error
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
