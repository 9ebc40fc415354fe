-- A job leaves every list and set with its hash, logs and lock (Job.remove).
--
-- KEYS[1]  call key
-- ARGV[5]  rq id
-- Returns  1 removed, 0 no such job, -1 locked
-- Events   none
--- @include prelude
--- @include replay
--- @include delete
--- @include put_off
--- @include claims
--- @include locks
--- @include remove
local id = ARGV[5]
local answered = replay()
if answered then return answered[1] end
if call('EXISTS', JOB .. id) == 0 then return remember({ 0 })[1] end
if not is_free(id) then return remember({ -1 })[1] end
if drop(id) then
  call('LREM', WAIT, 0, id)
  call('LREM', PAUSED, 0, id)
end
return remember({ 1 })[1]
