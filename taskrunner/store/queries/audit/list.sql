-- What administrators did since a moment, the latest first; "" for what was done to anything.
select done_at, login, uid, hostname, action, target, state_before, state_after
from task_audit where done_at >= :since and :target in ('', target)
order by done_at desc, id desc limit :limit offset :passed
