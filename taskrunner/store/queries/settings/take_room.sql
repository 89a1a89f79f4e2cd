-- Take room on the disk of a server, and give it back: a small write finds some even on a full one.
/*sqlite select 1 as taken */
/*postgres select count(*) as taken
from (select set_config('work_mem', '64kB', true), set_config('temp_tablespaces', '', true)) as little,
  lateral generate_series(1, case when little is null then 0 else 20000 end) */
