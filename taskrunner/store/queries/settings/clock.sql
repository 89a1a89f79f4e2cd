-- What the clock of the database says, which is ours where there is no server.
select cast(/*sqlite :now */ /*postgres extract(epoch from clock_timestamp()) */ as double precision) as now
from task_setting where name = 'instance_id' and cast(:now as double precision) >= 0
