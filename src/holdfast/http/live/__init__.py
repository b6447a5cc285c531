"""The live feed: what happened, as messages, to everybody who listens.

`messages` says what an event is told as, `rebuilt` what an older event changed, `hub` keeps a
tenant's newest events and wakes its listeners, `listener` is one of these, `sockets` lets them in over
WebSockets, and `stream` tells events over HTTP.
"""
