# Tries: objects, classes and builtins under numbers that are not the candidate's to give
# Kinds: asserts, function
# Expects: anything but passed
import json, os, struct
def send(value):
    body = json.dumps(value).encode()
    try:
        os.write(3, struct.pack('<I', len(body)) + body)
    except OSError:
        pass
FORGED = [
    ['same', 1, None], ['same', -1, None], ['builtin', 0, 'eval'], ['builtin', 0, 'type'], ['object', 1, None],
    ['list', 5, [1]], ['error type', -1, ['os', 'system', []]], ['error type', -2, ['builtins', 'print', []]],
    ['error', -3, [['builtin', 0, 'int'], [], [], None, '']], ['named', -4, ['P', ['startswith'], [True]]],
    ['list', -5, [['same', -5, None]]], ['int', 0, '0x' + 'f' * 100000], ['deque', -6, [-1]], [[]], ['tuple', -7, 5],
]
for value in FORGED:
    send({'names': {'f': value}})
def f(x):
    for value in FORGED:
        send({'changed': [[1, [1]], [-1, [2]]], 'ok': value})
        send({'changed': [], 'ok': value})
    return x
