"""Faults made on purpose, and what is left of the promises after each. `make faults` runs the long form."""
