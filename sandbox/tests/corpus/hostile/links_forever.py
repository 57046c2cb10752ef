# Tries: to spend its time in chains of links
# Expects: time_limit
import os
for number in range(37):
    os.symlink("./" * 1000 + f"l{number + 1}", f"l{number}")
while True:
    try:
        os.stat("l0")
    except OSError:
        pass
