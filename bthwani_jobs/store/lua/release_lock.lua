-- Job.release_lock: only by its owner. A worker's lease is released by its token: the job then counts as
-- unlocked and is recovered as stalled unless somebody finishes it.
--
-- KEYS[1]  call key
-- ARGV[5]  rq id
-- ARGV[6]  owner, or the run's token
-- Returns  1 released, 0 not held
-- Events   none
--- @include prelude
--- @include replay
--- @include locks
local id, owner = ARGV[5], ARGV[6]
local answered = replay()
if answered then return answered[1] end
local lease = lease_of(id)
if owns_lease(lease, owner) then
  call('ZADD', ACTIVE, 'XX', format('%.0f', (now - 1) * K), id .. ':' .. lease)
  return remember({ 1 })[1]
end
if call('GET', LOCK .. id) ~= owner then return remember({ 0 })[1] end
call('DEL', LOCK .. id)
return remember({ 1 })[1]
