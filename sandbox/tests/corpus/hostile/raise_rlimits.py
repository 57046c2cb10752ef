# Tries: to lift its limits and then use them
# Expects: memory_limit, runtime_error
import resource
for kind in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):
    try:
        resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        pass
x = []
while True:
    x.append(bytearray(1 << 20))
