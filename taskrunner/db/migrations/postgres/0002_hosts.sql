-- Which hosts start crons: when the last one started, the seconds since the one before it, and by how many
-- seconds the host's clock is ahead of the database's.
create table task_host (
  hostname text collate "C" primary key,
  last_cron_at double precision not null,
  cron_interval double precision,
  clock_ahead double precision not null
) with (fillfactor = 50);
