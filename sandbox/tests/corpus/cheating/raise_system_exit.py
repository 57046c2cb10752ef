# Tries: to end well by raising
# Kinds: asserts, function, stdio
# Expects: anything but passed
raise SystemExit(0)
