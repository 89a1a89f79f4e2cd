-- Note that a log file is being read.
insert into report_file (path, first_line, head_hash, head_size, size, changed_at, settled)
values (:path, :first_line, :head_hash, :head_size, :size, :changed_at, 0)
returning id
