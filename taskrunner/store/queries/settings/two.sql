-- Two settings, those of them that are there.
select name, value from task_setting where name in (:first, :second)
