-- All settings: a handful of rows.
select name, value from task_setting
