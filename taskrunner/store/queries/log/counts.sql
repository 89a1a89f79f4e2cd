-- How many runs of each task are kept ('' is all), how many of them did not succeed, how many are removed.
select name, '' as outcome, count(*) as runs, 0 as removed from task_log group by 1
union all
select name, outcome, count(*), 0 from task_log
where (outcome = 'failed' or outcome = 'crashed' or outcome = 'timeout') group by 1, 2
union all
select name, outcome, count(*), 0 from task_log
where outcome <> 'ok' and outcome <> 'failed' and outcome <> 'crashed' and outcome <> 'timeout' group by 1, 2
union all
select name, outcome, runs, 1 from task_log_removed
