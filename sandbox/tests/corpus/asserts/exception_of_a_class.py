# Checks: a class of exceptions may stand in another class
# Right:
class Queue:
    class Empty(IndexError):
        pass
    def get(self):
        raise Queue.Empty('nothing')
# Wrong:
class Queue:
    class Empty(IndexError):
        pass
    def get(self):
        raise IndexError('nothing')
# Test:
try:
    Queue().get()
    assert False
except Queue.Empty as error:
    assert str(error) == 'nothing'
