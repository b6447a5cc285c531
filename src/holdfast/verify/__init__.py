"""Proof that what is on disk, and what a running server shows, is what the events make.

A tenant's journal is replayed from its first event, read once. On the way every line, header and
mark is proven, each checkpoint is compared where it was made, and at the end the live state is:
offline what a start would load, online what the server answers. Nothing is written anywhere.
"""
