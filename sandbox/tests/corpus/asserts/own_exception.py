# Checks: exceptions of the program's own classes are caught by their names, and have attributes and methods
# Right:
class ShopError(Exception):
    pass
class OutOfStock(ShopError, ValueError):
    def __init__(self, item, wanted):
        super().__init__(item, wanted)
        self.item = item
    def __str__(self):
        return f'no {self.item}'
    def twice(self):
        return self.args[1] * 2
def buy(item, wanted):
    raise OutOfStock(item, wanted)
# Wrong:
class ShopError(Exception):
    pass
class OutOfStock(ShopError, ValueError):
    pass
def buy(item, wanted):
    raise ShopError(item, wanted)
# Wrong:
class ShopError(Exception):
    pass
class OutOfStock(ShopError, ValueError):
    def __init__(self, item, wanted):
        super().__init__(item)
        self.item = item
    def twice(self):
        return 14
def buy(item, wanted):
    raise OutOfStock(item, wanted)
# Test:
for kind in (OutOfStock, ShopError, ValueError, Exception):
    try:
        buy('tea', 7)
        assert False, kind
    except kind as error:
        assert type(error) is OutOfStock and isinstance(error, ShopError)
        assert error.args == ('tea', 7) and error.item == 'tea' and error.twice() == 14
        assert str(error) == 'no tea'
assert issubclass(OutOfStock, ValueError) and not issubclass(ShopError, ValueError)
try:
    buy('tea', 7)
except KeyError:
    assert False
except OutOfStock:
    pass
