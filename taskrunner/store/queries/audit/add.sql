-- Keep what an administrator did.
insert into task_audit (done_at, login, uid, hostname, action, target, state_before, state_after)
values (:done_at, :login, :uid, :hostname, :action, :target, :state_before, :state_after)
