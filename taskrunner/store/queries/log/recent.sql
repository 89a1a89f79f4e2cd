-- Of each of some tasks, whose names are a JSON list, the newest runs.
select run.name, run.outcome, run.started_at, run.ended_at
from /*sqlite json_each(:names) as wanted join task_log as run on run.id in (
    select id from task_log where name = wanted.value order by started_at desc, id desc limit :count)*/
  /*postgres json_array_elements_text(cast(:names as json)) as wanted (value) cross join lateral (
    select name, outcome, started_at, ended_at from task_log where name = wanted.value
    order by started_at desc, id desc limit :count) as run*/
