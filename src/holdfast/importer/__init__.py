"""`holdfast import`: a chain's CSV files become stock, exactly once, however often it is run.

A file is read in passes and never held in memory: one for its digest, one that surveys it (counts,
unreadable lines, opening stock where that is derived), one that sends, and one that writes down the
refused lines, if there are any. What makes repeating safe is the server's permanent mark: each row
carries its line number, the server remembers the last line it decided, and after any doubt the
importer asks for that mark instead of guessing. A line that cannot even be made into a row is
refused here, by looking at the line alone, so that every run finds the same lines.
"""
