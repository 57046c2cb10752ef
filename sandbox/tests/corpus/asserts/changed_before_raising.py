# Checks: what was changed before an exception stays changed
# Right:
def pay(account, amount):
    if account['sum'] < amount:
        account['log'].append(amount)
        raise ValueError('too much', amount)
    account['sum'] -= amount
# Wrong:
def pay(account, amount):
    if account['sum'] < amount:
        raise ValueError('too much', amount)
    account['sum'] -= amount
# Test:
account = {'sum': 5, 'log': []}
log = account['log']
pay(account, 3)
try:
    pay(account, 4)
    assert False
except ValueError as error:
    assert error.args == ('too much', 4)
assert account == {'sum': 2, 'log': [4]} and account['log'] is log
