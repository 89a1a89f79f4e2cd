-- Leave out a million ids: an older database does not know which of them it had given.
/*sqlite update sqlite_sequence set seq = seq + 1000000 where name = 'task_adhoc' */
/*postgres select max(nextval((select cast(pg_get_serial_sequence('task_adhoc', 'id') as regclass)))) as id
from generate_series(1, 1000000) */
