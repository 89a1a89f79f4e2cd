-- All settings: a handful of rows; and how many crons each host has started, as `crons:HOST`.
select name, value from task_setting
union all select 'crons:' || hostname, cast(crons as text) from task_host
