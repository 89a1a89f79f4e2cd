-- Which hosts start crons: when the last one started, the seconds since the one before it, and by how many
-- seconds the host's clock is ahead of the database's.
create table task_host (
  hostname text primary key,
  last_cron_at real not null,
  cron_interval real,
  clock_ahead real not null
);
