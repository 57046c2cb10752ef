log = []


class Last:
    def __del__(self):
        log.append(40)
        print(len(log) + log[0] + 1)


last = Last()
