# Tries: to flood the output by an error's message
# Expects: runtime_error
raise ValueError("x" * 5_000_000)
