# Tries: to make the collector work for ever
# Expects: time_limit, memory_limit
import gc
class Node:
    def __del__(self):
        self.again = Node()
        self.again.me = self.again
gc.set_threshold(1, 1, 1)
for _ in range(10 ** 9):
    node = Node()
    node.me = node
