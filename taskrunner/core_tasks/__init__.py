"""taskrunner's own housekeeping: scheduled tasks like any other, listed and customisable."""
