-- The next job for somebody who works by hand (Queue.get_next_job). Unlike a worker's call it moves no delayed jobs.
--
-- KEYS[1]  call key
-- ARGV[5]  worker name: '', there is none
-- ARGV[6]  lease token
-- ARGV[7]  lease in ms
-- ARGV[8]  '1' if this queue object's last call got a job
-- Returns  {now ms, aside, jobs}: as step.lua, at most one job
-- Events   active, failed, drained
--- @include prelude
--- @include replay
--- @include events
--- @include place
--- @include score
--- @include put_off
--- @include claim
local MOST = 100 -- entries that cannot be run, passed over in one call

local answered = replay()
if answered then
  for _, id in ipairs(answered) do add_row(id, TOKEN, call('HMGET', JOB .. id, unpack(FIELDS))) end
  return { now, {}, rows }
end

if holding() == 0 then
  for _ = 1, MOST do
    local id = call('LPOP', WAIT)
    if not id then break end
    activate(id, TOKEN)
    if #rows > 0 then break end
  end
end
if #leases > 0 then call('ZADD', ACTIVE, unpack(leases)) end
if holding() == 0 and call('EXISTS', WAIT) == 1 then
  wake()
elseif #rows == 0 and ARGV[8] == '1' and call('EXISTS', WAIT) == 0 then
  emit('drained', '')
end
publish_events()
remember(#rows > 0 and { rows[1][1] } or {})
return { now, aside, rows }
