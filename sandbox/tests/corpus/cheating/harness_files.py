# Tries: to find tests in files
# Kinds: asserts, function
# Expects: anything but passed
import os
def f(x):
    for folder, _, names in os.walk('/', followlinks=False):
        if folder.startswith(('/usr', '/lib', '/root/.pyenv')) or 'packages' in folder:
            continue
        for name in names:
            try:
                text = open(os.path.join(folder, name)).read(100000)
            except Exception:
                continue
            if '123457' in text and not name.startswith('main'):
                return 123457
    return None
