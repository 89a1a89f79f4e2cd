-- Log files that were read (taskrun report import). Moments are UTC epoch seconds.
create table report_file (
  id integer primary key,
  path text not null,
  first_line text not null,
  head_hash text not null,
  head_size integer not null,
  size integer not null,
  changed_at real not null,
  settled integer not null default 0
);
create index report_file_by_first_line on report_file (first_line);
create index report_file_by_path on report_file (path);

create table report_run (
  id integer primary key,
  file_id integer not null,
  number integer not null,
  line integer not null,
  started_at real not null,
  ended_at real not null,
  state text not null,
  time_source text not null,
  hostname text not null,
  pid integer,
  last_line text not null
);
create index report_run_of_file on report_run (file_id);
create index report_run_started on report_run (started_at, id);

create table report_task (
  id integer primary key,
  file_id integer not null,
  run_number integer not null,
  line integer not null,
  type text not null,
  name text not null,
  title text not null,
  adhoc_id integer,
  run_id text not null,
  started_at real not null,
  ended_at real not null,
  outcome text not null,
  message text not null,
  message_key text not null,
  confidence text not null,
  time_source text not null,
  hostname text not null,
  pid integer,
  db_queries integer,
  memory_start integer,
  memory_peak integer,
  fatal text not null,
  last_lines text not null
);
create index report_task_of_file on report_task (file_id);
create index report_task_started on report_task (started_at, id);
create index report_task_by_name on report_task (name, started_at, id);

create view v_report_run as
select path, number, line, datetime(started_at, 'unixepoch') as started, datetime(ended_at, 'unixepoch') as ended,
  round(ended_at - started_at, 3) as seconds, state, time_source, hostname, pid, last_line
from report_run join report_file on report_file.id = file_id;

create view v_report_task as
select type, name, title, adhoc_id, datetime(started_at, 'unixepoch') as started,
  datetime(ended_at, 'unixepoch') as ended, round(ended_at - started_at, 3) as seconds, outcome, message,
  message_key, confidence, db_queries, memory_start, memory_peak, hostname, pid, fatal, path, line
from report_task join report_file on report_file.id = file_id;
