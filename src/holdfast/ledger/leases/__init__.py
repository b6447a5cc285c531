"""Several processes on one folder: whose turn it is to write a tenant's journal, and how it moves.

A tenant's journal puts all decisions in one order, so one *lease* per tenant, the right to write
that journal, is all there is to hand around. A process that has something to decide takes it,
catches up with what the others wrote, decides and flushes what has gathered, and gives it back:
its *turn*. Nothing is decided, and nothing is written, outside a turn.

The lease is one small file. It says who holds it, until when on the machine's monotonic clock, under
which fencing token, and, once it was given back, at which byte the journal ended. It is changed
under a kernel lock on the file itself, the *guard*, which is held for a few system calls and never
across a flush. Who stands still past the deadline is robbed: the next holder begins a segment that
cuts off whatever the robbed one may still write (see `holdfast.journal.fence`).
"""
