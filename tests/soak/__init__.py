"""Weeks of crons in minutes, by a clock of its own, beside an oracle. `make soak` runs three of them."""
