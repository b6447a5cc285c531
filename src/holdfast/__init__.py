"""Holdfast: stock that a retail chain can trust, kept in files and served over HTTP.

The package is laid out so that imports point inward: `domain` knows the business and
nothing else, `journal` makes events durable, `ledger` joins the two for one tenant,
`http` and `cli` are the edges, and only `runtime` knows every adapter.
"""

from importlib.metadata import version

__version__ = version("holdfast")
"""The release that runs, as the installed distribution names it."""
