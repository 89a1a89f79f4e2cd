-- The lengths of the runs with ids in a range that started in a time, joined by task and by how they ended.
select name, outcome, case when outcome = 'crashed' then 0 else 1 end as end_known,
  /*sqlite group_concat(ended_at - started_at) */
  /*postgres string_agg(cast(ended_at - started_at as text), ',') */ as lengths
from task_log
where id >= :first and id < :last and started_at >= :since and started_at < :until
  and (:name = '' or name = :name)
group by 1, 2, 3
