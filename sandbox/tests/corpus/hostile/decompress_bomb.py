# Tries: to decompress a small file into all memory
# Expects: memory_limit, time_limit
import zlib
data = zlib.compress(bytes(50 << 20))
print(sum(len(zlib.decompress(data)) for _ in [0]))
kept = [zlib.decompress(data) for _ in range(100)]
