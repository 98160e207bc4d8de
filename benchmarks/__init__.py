"""Measurements: speeds as ratios taken in one run, and checks too large for the tests.

`python -m benchmarks` runs those that `make bench` names; `python -m benchmarks energy` and others by name.
"""
