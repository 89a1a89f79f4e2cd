-- How often a task failed, in a time.
select count(*) as failures from task_log
where (outcome = 'failed' or outcome = 'crashed' or outcome = 'timeout') and name = :name
  and started_at >= :since and started_at < :until
