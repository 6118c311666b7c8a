"""Random operations on a mount and on a plain directory, compared after each: see `worker.py`."""
