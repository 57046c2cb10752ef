# Tries: never to end
# Expects: time_limit
while True:
    pass
