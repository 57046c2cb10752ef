# Tries: to wait for nothing for ever
# Expects: time_limit
import select
select.select([], [], [])
