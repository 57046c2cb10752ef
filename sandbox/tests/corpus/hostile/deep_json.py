# Tries: to parse JSON nested a million deep
# Expects: runtime_error, memory_limit
import json
json.loads('[' * 1000000)
