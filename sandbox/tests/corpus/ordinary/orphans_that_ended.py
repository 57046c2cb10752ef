import os
if hasattr(os, "fork"):
    for _ in range(40):
        child = os.fork()
        if not child:
            os.fork()
            os._exit(0)
        os.waitpid(child, 0)
print(42)
