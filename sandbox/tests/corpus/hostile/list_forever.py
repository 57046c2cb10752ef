# Tries: to spend its time in listings of a large folder, which cost the interpreter nothing
# Expects: time_limit
import os
os.makedirs("d", exist_ok=True)
try:
    for number in range(20_000):
        os.mkdir(f"d/{number}")
except OSError:
    pass
while True:
    os.scandir("d").close()
