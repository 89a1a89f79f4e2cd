-- Three settings; no row for one that is not there.
select name, value from task_setting where name in (:first, :second, :third)
