"""Plugins for web sites that come along: housekeeping, and a queue of mails: see docs/housekeeping.md.

Used where taskrunner.toml names one: [plugins] installed = ["taskrunner-cron:tidy_cache"].
"""
