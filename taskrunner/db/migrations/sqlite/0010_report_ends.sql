-- Runs of log files whose end nobody saw: ended_at is the last moment at which something of the run was seen,
-- ended_before the first at which it was over. What was kept as the end of a crashed run was the latter.
alter table report_task add column end_known integer not null default 1;
alter table report_task add column ended_before real;
update report_task set end_known = 0, ended_before = ended_at, ended_at = started_at where outcome = 'crashed';
update report_task set end_known = 0 where outcome = 'running';

drop view v_report_task;
create view v_report_task as
select type, name, title, adhoc_id, datetime(started_at, 'unixepoch') as started,
  datetime(ended_at, 'unixepoch') as ended, round(ended_at - started_at, 3) as seconds, outcome, message,
  message_key, confidence, db_queries, memory_start, memory_peak, hostname, pid, fatal, path, line, end_known,
  datetime(ended_before, 'unixepoch') as ended_before
from report_task join report_file on report_file.id = file_id;

-- When no cron started on a host for more than five minutes: from one start to the next.
create table task_cron_gap (
  id integer primary key,
  hostname text not null,
  began_at real not null,
  ended_at real not null
);
create index task_cron_gap_ended on task_cron_gap (ended_at, id);

create view v_task_cron_gap as
select hostname, datetime(began_at, 'unixepoch') as began, datetime(ended_at, 'unixepoch') as ended,
  round(ended_at - began_at, 3) as seconds from task_cron_gap;
