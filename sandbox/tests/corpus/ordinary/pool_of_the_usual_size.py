import os
if hasattr(os, "fork"):
    from concurrent.futures import ThreadPoolExecutor
    import multiprocessing
    with ThreadPoolExecutor() as pool:
        list(pool.map(abs, range(100)))
    pool = multiprocessing.Pool()
    pool.map(abs, range(100))
    pool.close()
    pool.join()
print(42)
