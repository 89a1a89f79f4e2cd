-- One word for a length of time, and for since when a task has been failing.
alter view v_task_log rename column seconds to duration;
alter view v_report_run rename column seconds to duration;
alter view v_report_task rename column seconds to duration;
alter view v_task_cron_gap rename column seconds to duration;
alter view v_task_scheduled rename column failing_from to failing_since;

update task_setting set name = 'problems_of' || substr(name, 5) where name like 'told:%';
