-- Tables of the first version. Moments are UTC epoch seconds, truths 0 or 1.
create table schema_version (
  version integer primary key,
  applied_at real not null
);

create table task_setting (
  name text primary key,
  value text not null
);

create table task_runner (
  id text primary key,
  hostname text not null,
  pid integer not null,
  started_at real not null,
  command text not null,
  log_file text,
  progress_run_id text,
  progress_done real,
  progress_total real,
  progress_text text
);

create table task_scheduled (
  id integer primary key,
  name text not null unique,
  plugin text not null,
  title text not null,
  schedule text not null,
  timezone text not null,
  default_schedule text not null,
  own_schedule text,
  disabled integer not null default 0,
  default_disabled integer not null default 0,
  own_disabled integer,
  customised integer not null default 0,
  blocked text,
  off_reason text,
  last_run_at real,
  last_ended_at real,
  last_success_at real,
  last_outcome text,
  last_message text,
  next_run_at real not null,
  fail_delay integer not null default 0,
  failing_since real,
  failures integer not null default 0,
  skips integer not null default 0,
  skipped_since real,
  skip_reason text,
  runner_id text,
  run_id text,
  started_at real,
  hostname text,
  pid integer
);
create index task_scheduled_due on task_scheduled (next_run_at, id)
  where run_id is null and disabled = 0 and blocked is null;
create unique index task_scheduled_running on task_scheduled (run_id) where run_id is not null;

create table task_adhoc (
  id integer primary key autoincrement,
  name text not null,
  plugin text not null,
  custom_data text not null,
  "user" text,
  identity text not null,
  once integer not null default 0,
  created_at real not null,
  next_run_at real not null,
  fail_delay integer not null default 0,
  attempts_left integer not null,
  tries integer not null default 0,
  failures integer not null default 0,
  failing_since real,
  last_message text,
  first_started_at real,
  runner_id text,
  run_id text,
  started_at real,
  hostname text,
  pid integer
);
create index task_adhoc_due on task_adhoc (name, next_run_at, id)
  where run_id is null and attempts_left > 0;
create unique index task_adhoc_running on task_adhoc (run_id) where run_id is not null;
create index task_adhoc_given_up on task_adhoc (next_run_at, id) where run_id is null and attempts_left <= 0;
create index task_adhoc_identity on task_adhoc (identity);
create unique index task_adhoc_once on task_adhoc (identity) where once = 1;

create table task_log (
  id integer primary key autoincrement,
  run_id text not null unique,
  type text not null,
  name text not null,
  plugin text not null,
  adhoc_id integer,
  "user" text,
  due_at real,
  started_at real not null,
  ended_at real not null,
  outcome text not null,
  message text,
  output text not null,
  log_file text,
  db_reads integer not null default 0,
  db_writes integer not null default 0,
  cpu_seconds real not null default 0,
  max_rss integer not null default 0,
  attempt integer not null default 1,
  hostname text not null,
  pid integer not null
);
create index task_log_started on task_log (started_at, id);
create index task_log_by_name on task_log (name, started_at, id);

create view v_task_log as
select id, run_id, type, name, plugin, adhoc_id, "user", datetime(due_at, 'unixepoch') as due,
  datetime(started_at, 'unixepoch') as started, datetime(ended_at, 'unixepoch') as ended,
  round(ended_at - started_at, 3) as seconds, outcome, message, attempt, db_reads, db_writes, hostname, pid,
  log_file
from task_log;

create view v_task_scheduled as
select name, plugin, title, schedule, timezone, disabled, customised, blocked, off_reason,
  datetime(last_run_at, 'unixepoch') as last_run, last_outcome,
  datetime(last_success_at, 'unixepoch') as last_success, datetime(next_run_at, 'unixepoch') as next_run,
  fail_delay, datetime(failing_since, 'unixepoch') as failing_from, failures
from task_scheduled;

create view v_task_adhoc as
select id, name, plugin, "user", datetime(created_at, 'unixepoch') as created,
  datetime(next_run_at, 'unixepoch') as next_run, fail_delay, attempts_left, failures, last_message,
  datetime(started_at, 'unixepoch') as started, hostname, pid
from task_adhoc;

create view v_task_running as
with running as (
  select 'scheduled' as type, name, null as adhoc_id, run_id, started_at, hostname, pid, runner_id
  from task_scheduled where run_id is not null
  union all
  select 'adhoc', name, id, run_id, started_at, hostname, pid, runner_id
  from task_adhoc where run_id is not null
)
select type, name, adhoc_id, run_id, datetime(running.started_at, 'unixepoch') as started, running.hostname,
  running.pid, progress_done, progress_total, progress_text
from running left join task_runner on task_runner.id = runner_id and progress_run_id = run_id;
