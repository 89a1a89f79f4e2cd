-- Log files that were read (taskrun report import). Moments are UTC epoch seconds.
create table report_file (
  id bigint generated always as identity primary key,
  path text not null,
  first_line text not null,
  head_hash text not null,
  head_size bigint not null,
  size bigint not null,
  changed_at double precision not null,
  settled bigint not null default 0
);
create index report_file_by_first_line on report_file (first_line);
create index report_file_by_path on report_file (path);

create table report_run (
  id bigint generated always as identity primary key,
  file_id bigint not null,
  number bigint not null,
  line bigint not null,
  started_at double precision not null,
  ended_at double precision not null,
  state text not null,
  time_source text not null,
  hostname text not null,
  pid bigint,
  last_line text not null
);
create index report_run_of_file on report_run (file_id);
create index report_run_started on report_run (started_at, id);

create table report_task (
  id bigint generated always as identity primary key,
  file_id bigint not null,
  run_number bigint not null,
  line bigint not null,
  type text not null,
  name text collate "C" not null,
  title text not null,
  adhoc_id bigint,
  run_id text not null,
  started_at double precision not null,
  ended_at double precision not null,
  outcome text not null,
  message text not null,
  message_key text not null,
  confidence text not null,
  time_source text not null,
  hostname text not null,
  pid bigint,
  db_queries bigint,
  memory_start bigint,
  memory_peak bigint,
  fatal text not null,
  last_lines text not null
);
create index report_task_of_file on report_task (file_id);
create index report_task_started on report_task (started_at, id);
create index report_task_by_name on report_task (name, started_at, id);

create view v_report_run as
select path, number, line, to_timestamp(started_at) as started, to_timestamp(ended_at) as ended,
  round(cast(ended_at - started_at as numeric), 3) as seconds, state, time_source, hostname, pid, last_line
from report_run join report_file on report_file.id = file_id;

create view v_report_task as
select type, name, title, adhoc_id, to_timestamp(started_at) as started,
  to_timestamp(ended_at) as ended, round(cast(ended_at - started_at as numeric), 3) as seconds, outcome, message,
  message_key, confidence, db_queries, memory_start, memory_peak, hostname, pid, fatal, path, line
from report_task join report_file on report_file.id = file_id;
