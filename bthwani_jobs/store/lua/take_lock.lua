-- Job.take_lock: an active job's lease counts as its lock; any other job gets a lock key of its own.
--
-- KEYS[1]  call key
-- ARGV[5]  rq id
-- ARGV[6]  owner
-- ARGV[7]  duration in ms
-- Returns  1 taken, 0 locked already (also by the same owner)
-- Events   none
--- @include prelude
--- @include replay
--- @include locks
local answered = replay()
if answered then return answered[1] end
if is_locked(ARGV[5]) then return remember({ 0 })[1] end
call('SET', LOCK .. ARGV[5], ARGV[6], 'PX', ARGV[7])
return remember({ 1 })[1]
