# Tries: to stop, and be waited for
# Expects: time_limit, wrong_answer, runtime_error
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
