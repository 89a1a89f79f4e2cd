-- Runs of log files whose end nobody saw: ended_at is the last moment at which something of the run was seen,
-- ended_before the first at which it was over. What was kept as the end of a crashed run was the latter.
alter table report_task add column end_known bigint not null default 1;
alter table report_task add column ended_before double precision;
update report_task set end_known = 0, ended_before = ended_at, ended_at = started_at where outcome = 'crashed';
update report_task set end_known = 0 where outcome = 'running';

create or replace view v_report_task as
select type, name, title, adhoc_id, to_timestamp(started_at) as started,
  to_timestamp(ended_at) as ended, round(cast(ended_at - started_at as numeric), 3) as seconds, outcome, message,
  message_key, confidence, db_queries, memory_start, memory_peak, hostname, pid, fatal, path, line, end_known,
  to_timestamp(ended_before) as ended_before
from report_task join report_file on report_file.id = file_id;

-- When no cron started on a host for more than five minutes: from one start to the next.
create table task_cron_gap (
  id bigint generated always as identity primary key,
  hostname text collate "C" not null,
  began_at double precision not null,
  ended_at double precision not null
);
create index task_cron_gap_ended on task_cron_gap (ended_at, id);

create view v_task_cron_gap as
select hostname, to_timestamp(began_at) as began, to_timestamp(ended_at) as ended,
  round(cast(ended_at - began_at as numeric), 3) as seconds from task_cron_gap;
