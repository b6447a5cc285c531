"""`holdfast demo`: a small chain to try things with, in a folder of its own.

The chain is written down in `data/demo/` of the checkout. The CSV files beside this module are
links to it, which a wheel carries as files; so there is one copy to edit and both are found here.
"""
