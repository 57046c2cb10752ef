# Tries: to share memory without a file, where no process's own pages count it
# Expects: runtime_error
# Expects on wasm: runtime_error, memory_limit
import mmap
held = []
for _ in range(64):
    area = mmap.mmap(-1, 16 << 20)
    area.write(bytes(16 << 20))
    held.append(area)
print('held')
