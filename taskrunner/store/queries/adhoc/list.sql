-- Queued tasks, the oldest due first.
select * from task_adhoc
where (:name = '' or name = :name) and (:failed = 0 or failures > 0) and (:user = '' or "user" = :user)
  and (:due = 0 or (run_id is null and attempts_left > 0 and next_run_at <= :now))
order by next_run_at, id limit :limit
