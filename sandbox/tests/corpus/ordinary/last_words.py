class Last:
    def __del__(self):
        print(42)


last = Last()
