-- Job.extend_lock: a new end for a lock or lease that is still held.
--
-- KEYS[1]  any key of the queue
-- ARGV[5]  rq id
-- ARGV[6]  owner, or the run's token
-- ARGV[7]  duration in ms from now
-- Returns  1 extended, 0 not held
-- Events   none
--- @include prelude
--- @include locks
local id, owner, duration = ARGV[5], ARGV[6], ARGV[7]
local lease = lease_of(id)
if owns_lease(lease, owner) then
  call('ZADD', ACTIVE, 'XX', format('%.0f', (now + duration) * K), id .. ':' .. lease)
  return 1
end
if call('GET', LOCK .. id) ~= owner then return 0 end
return call('PEXPIRE', LOCK .. id, duration)
