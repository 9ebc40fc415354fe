-- A job leaves every list and set with its hash, logs and lock (Job.remove).
--
-- KEYS[1]  call key
-- ARGV[5]  rq id
-- Returns  1 removed, 0 no such job, -1 locked
-- Events   none
--- @include prelude
--- @include replay
--- @include delete
--- @include locks
local id = ARGV[5]
local answered = replay()
if answered then return answered[1] end
if call('EXISTS', JOB .. id) == 0 then return remember({ 0 })[1] end
if is_locked(id) then return remember({ -1 })[1] end
local row = call('HMGET', JOB .. id, 'status', 'tk', 'pm')
if row[2] then call('ZREM', ACTIVE, id .. ':' .. row[2]) end
if row[3] then call('ZREM', PRIO, row[3]) end
local sets = call('ZREM', COMPLETED, id) + call('ZREM', FAILED, id) + call('ZREM', DELAYED, id)
if sets == 0 then
  call('LREM', WAIT, 0, id)
  call('LREM', PAUSED, 0, id)
end
delete_job(id)
return remember({ 1 })[1]
