# Tries: to print what cannot be encoded
# Expects: runtime_error, wrong_answer
print('\ud800')
