-- The files read before that may be the same one: with this first line, or of this path.
select id, path, first_line, head_hash, head_size, size, changed_at, settled
from report_file where first_line = :first_line and size > 0 or path = :path order by size desc, id desc
