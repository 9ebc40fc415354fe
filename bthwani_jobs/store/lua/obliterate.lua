-- A batch of a paused queue's jobs is deleted; once there are none, everything else of the queue and the pause
-- itself (Queue.obliterate).
--
-- KEYS[1]  call key
-- ARGV[5]  '1' = running jobs too
-- ARGV[6]  how many jobs at the most
-- Returns  1 nothing is left, 0 call again, -1 the queue is not paused, -2 jobs are running
-- Events   none
--- @include prelude
--- @include replay
--- @include delete
--- @include put_off
--- @include claims
--- @include remove_any
local LIMIT = tonumber(ARGV[6])

-- A run that is still going finds its job gone when it ends.
local function abandon_active(limit)
  local members = call('ZRANGE', ACTIVE, 0, limit - 1)
  for _, member in ipairs(members) do
    local id = member:match('^(.*):') or member
    local worker = redis.pcall('HGET', JOB .. id, 'worker_name')
    if type(worker) == 'string' then call('SREM', PREFIX .. ':worker:' .. worker .. ':executions', member) end
    call('ZREM', ACTIVE, member)
    call('DEL', PREFIX .. ':execution:' .. member)
    forget_claims(id)
    delete_job(id)
  end
  return #members
end

local function delete_companions()
  for _, id in ipairs(call('SMEMBERS', LOGGED)) do call('DEL', LOGS .. id) end
  for _, name in ipairs({ 'id', 'paused', 'pause', 'prio', 'prio:seq', 'marker', 'marker:due', 'logged', 'aside',
    'stalled-check', 'repeat', 'repeat:definitions', 'repeat:owed', 'limited', 'limited:', 'window:' }) do
    call('DEL', BULL .. name)
  end
  call('SREM', PREFIX .. ':queues', WAIT)
end

local answered = replay()
if answered then return answered[1] end
if call('EXISTS', PAUSE) == 0 then return remember({ -1 })[1] end
if ARGV[5] ~= '1' and call('EXISTS', ACTIVE) == 1 then return remember({ -2 })[1] end
local left = LIMIT - abandon_active(LIMIT)
for _, list in ipairs({ WAIT, PAUSED }) do left = left - pop_listed(list, left) end
for _, set in ipairs({ DELAYED, COMPLETED, FAILED }) do left = left - remove_range(set, '-inf', '+inf', left) end
if left == 0 then return remember({ 0 })[1] end
delete_companions()
return remember({ 1 })[1]
