import os
if hasattr(os, "fork"):
    os.mkfifo("pipe")
    os.nice(1)
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    with open("file", "wb+") as file:
        os.pwritev(file.fileno(), [b"4", b"2"], 0, 0)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        os.preadv(file.fileno(), [bytearray(2)], 0, 0)
    os.chown("file", os.getuid(), os.getgid())
print(42)
