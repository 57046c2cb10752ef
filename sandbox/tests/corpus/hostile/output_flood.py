# Tries: to print for ever
# Expects: output_limit
while True:
    print('x' * 1000)
