"""The HTTP interface: one ASGI edge, a table of endpoints, and what both need.

Read in this order: `app` (what it is made of), `edge` (the way of one request), `endpoint` and
`routes` (what can be asked), `call` (one request as a handler sees it), `schemas` and `body` (how
strictly input is read), `problems` (how a no is said), `openapi` (how all this describes itself).
"""
