"""Many writes in one request: reading the rows, deciding them in three ways, writing the results.

`rows` reads, `each` decides every row on its own, `whole` decides all or none, `load` decides the
rows of a bulk load, each once however often it is sent. `keys` says what the key of a batch stands
for; `results` writes one line for each row.
"""
