import os, sys


def hook(kind, error, trace):
    print(31 + trace.tb_lineno + len(error.args), flush=True)
    os._exit(0)


sys.excepthook = hook
raise ValueError("one")
