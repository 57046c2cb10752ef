"""Runs a reference solution on all inputs; the last line that is printed holds its outputs and times."""
import base64
import copy
import pickle
import time
import zlib


def run_reference(program, entry_point, inputs):
    names = {"__name__": "reference"}
    exec(compile(program, "reference.py", "exec"), names)
    outputs, seconds = [], []
    for args in inputs:
        args = copy.deepcopy(args)
        began = time.perf_counter()
        output = names[entry_point](*args)
        seconds.append(time.perf_counter() - began)
        if entry_point in AS_MATCHES and not isinstance(output, bool):
            output = output is not None
        outputs.append(output)
    packed = base64.b64encode(zlib.compress(pickle.dumps(outputs))).decode()
    print("\n" + json.dumps({"outputs": packed, "seconds": seconds}))
