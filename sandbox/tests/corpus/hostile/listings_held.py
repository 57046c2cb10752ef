# Tries: to hold more in listings than memory allows
# Expects: wrong_answer, time_limit
import os
os.makedirs("d", exist_ok=True)
try:
    for number in range(4000):
        os.mkdir("d/" + str(number).rjust(200, "n"))
except OSError:
    pass
held = []
try:
    for _ in range(1000):
        held.append(os.scandir("d"))
        next(held[-1])
except OSError:
    pass
print(len(held))
