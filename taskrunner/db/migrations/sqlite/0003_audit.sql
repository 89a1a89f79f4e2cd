-- What administrators did: one row for each change, written together with it.
create table task_audit (
  id integer primary key autoincrement,
  done_at real not null,
  login text not null,
  uid integer not null,
  hostname text not null,
  action text not null,
  target text not null,
  state_before text not null,
  state_after text not null
);
create index task_audit_done on task_audit (done_at, id);

create view v_task_audit as
select id, datetime(done_at, 'unixepoch') as done, login, uid, hostname, action, target, state_before, state_after
from task_audit;
