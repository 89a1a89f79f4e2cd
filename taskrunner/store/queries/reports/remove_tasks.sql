-- Forget the runs of a log file.
delete from report_task where file_id = :file_id
