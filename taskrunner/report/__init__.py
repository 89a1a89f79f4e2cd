"""Log files and the log table: read, counted, drawn.

Reading: `file_names` -> `log_text` -> `shapes` -> `parser` (with `clock`, `task_draft`, `run_draft`) ->
`importing`. Reports: one module for each, from an iterable of runs to frozen results; they know nothing of
where the runs come from. Pictures: `blocks` for a terminal, `page` and `svg` for a browser.
"""
