"""Crontabs: what cron would run, read as cron reads it, and written as a plugin of taskrunner."""
