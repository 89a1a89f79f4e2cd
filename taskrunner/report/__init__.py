"""Log files and the log table: read, counted, drawn.

Reading: `file_names` -> `log_text` -> `shapes` -> `parser` (with `clock`, `task_draft`, `lost_tasks`,
`cron_runs`) -> `importing`, `writing`. Reports: one module for each, from an iterable of runs to frozen
results; they know nothing of where the runs come from, which is `sources`. Pictures: `blocks` for a terminal,
`page`, `svg`, `markup` and `style` for a browser.
"""
