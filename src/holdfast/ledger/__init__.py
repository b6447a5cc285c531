"""One tenant's durable stock: what is decided, when it becomes visible, who is told.

A write is decided on the *staged* view (committed records plus what is in the journal's queue),
joins the journal's gathering batch, and is answered once that batch is durable. Only then is it
*committed*, and shown to readers. If the flush fails, everything staged is dropped.
"""
