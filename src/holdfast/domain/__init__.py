"""The business, pure: which records a command touches, what it decides, what an event changes.

Everything here is a function of its arguments. Nothing reads a clock, makes an id, waits, logs or
opens a file, and nothing outside the standard library is imported, so the same code runs in the
live service, in recovery, in `verify`, in the simulator and over another backend.

Read in this order: `records` (what exists), `commands` (what is asked), `events` (what happened),
`keys` (what a command touches), `decide` (what it comes to), `evolve` (what an event changes).
"""
