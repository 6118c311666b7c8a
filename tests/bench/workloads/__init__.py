"""What is measured, one module a subject. Each has `run(bench)`, which adds to bench.figures; bench.py names them.

`bench` is a bench.Bench: the options, the figures, the build, and `work`, a directory of the workload's own.
"""
