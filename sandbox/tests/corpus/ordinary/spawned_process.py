import os


def answer(results):
    results.put(42)


if __name__ == "__main__":
    if hasattr(os, "fork"):
        import multiprocessing
        context = multiprocessing.get_context("spawn")
        results = context.SimpleQueue()
        child = context.Process(target=answer, args=(results,))
        child.start()
        print(results.get())
        child.join()
    else:
        print(42)
