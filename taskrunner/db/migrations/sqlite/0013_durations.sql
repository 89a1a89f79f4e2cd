-- One word for a length of time, and for since when a task has been failing.
drop view v_task_log;
create view v_task_log as
select id, run_id, type, name, plugin, adhoc_id, "user", datetime(due_at, 'unixepoch') as due,
  datetime(started_at, 'unixepoch') as started, datetime(ended_at, 'unixepoch') as ended,
  round(ended_at - started_at, 3) as duration, outcome, message, attempt, db_reads, db_writes, hostname, pid,
  log_file, datetime(noticed_at, 'unixepoch') as noticed
from task_log;

drop view v_report_run;
create view v_report_run as
select path, number, line, datetime(started_at, 'unixepoch') as started, datetime(ended_at, 'unixepoch') as ended,
  round(ended_at - started_at, 3) as duration, state, time_source, hostname, pid, last_line
from report_run join report_file on report_file.id = file_id;

drop view v_report_task;
create view v_report_task as
select type, name, title, adhoc_id, datetime(started_at, 'unixepoch') as started,
  datetime(ended_at, 'unixepoch') as ended, round(ended_at - started_at, 3) as duration, outcome, message,
  message_key, confidence, db_queries, memory_start, memory_peak, hostname, pid, fatal, path, line, end_known,
  datetime(ended_before, 'unixepoch') as ended_before
from report_task join report_file on report_file.id = file_id;

drop view v_task_cron_gap;
create view v_task_cron_gap as
select hostname, datetime(began_at, 'unixepoch') as began, datetime(ended_at, 'unixepoch') as ended,
  round(ended_at - began_at, 3) as duration from task_cron_gap;

drop view v_task_scheduled;
create view v_task_scheduled as
select name, plugin, title, schedule, timezone, disabled, customised, blocked, off_reason,
  datetime(last_run_at, 'unixepoch') as last_run, last_outcome,
  datetime(last_success_at, 'unixepoch') as last_success, datetime(next_run_at, 'unixepoch') as next_run,
  fail_delay, datetime(failing_since, 'unixepoch') as failing_since, failures
from task_scheduled;

update task_setting set name = 'problems_of' || substr(name, 5) where name like 'told:%';
