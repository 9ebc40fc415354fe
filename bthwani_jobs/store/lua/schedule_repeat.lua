-- The next occurrence of a repeatable: registered and added in one step, under an id made from its time, so
-- that any number of callers give one job. Also pays the debt noted by the call that activated the last one.
--
-- KEYS[1]   call key
-- ARGV[5]   repeat key
-- ARGV[6]   '1' = register (Queue.add); '' = only while the key is still registered
-- ARGV[7]   the debt to strike off ('' = none): <nominal ms>|<repeat key>
-- ARGV[8]   next ms; '' = the chain has ended: unregister it
-- ARGV[9]   rq id of the occurrence
-- ARGV[10]  name
-- ARGV[11]  payload
-- ARGV[12]  options text
-- ARGV[13]  priority
-- ARGV[14]  RQ timeout in seconds or ''
-- ARGV[15]  `data` field: the constant entry call
-- ARGV[16]  definition (JSON) kept for listing and re-arming
-- ARGV[17]  the occurrence's own debt text: <next ms>|<repeat key>
-- ARGV[18]  the time the next ms was reckoned from: the occurrence's timestamp
-- ARGV[19]  group of the rate limiter ('' = none)
-- Returns   {code, now ms}: 1 added, 2 a job with that id stands already, 0 not registered any more or ended
-- Events    duplicated
--- @include prelude
--- @include replay
--- @include events
--- @include place
--- @include score
local KEY, DEBT, NEXT, id = ARGV[5], ARGV[7], ARGV[8], ARGV[9]
local REGISTRY, DEFINITIONS = BULL .. 'repeat', BULL .. 'repeat:definitions'

local answered = replay()
if answered then return answered end
if DEBT ~= '' then
  call('ZREM', BULL .. 'repeat:owed', DEBT)
  -- A stalled occurrence that runs again owes again; its step has been made if the chain stands ahead of it.
  local ahead, nominal = call('ZSCORE', REGISTRY, KEY), tonumber(DEBT:match('^%d+'))
  if ahead and nominal and tonumber(ahead) > nominal then return remember({ 2, now }) end
end
if ARGV[6] ~= '1' and not call('ZSCORE', REGISTRY, KEY) then return remember({ 0, now }) end
if NEXT == '' then
  call('ZREM', REGISTRY, KEY)
  call('HDEL', DEFINITIONS, KEY)
  return remember({ 0, now })
end

call('INCR', BULL .. 'id')
call('ZADD', REGISTRY, NEXT, KEY)
if call('EXISTS', JOB .. id) == 1 then
  if ARGV[6] == '1' then
    emit('duplicated', id)
    publish_events()
  end
  call('HSETNX', DEFINITIONS, KEY, ARGV[16])
  return remember({ 2, now })
end
call('HSET', DEFINITIONS, KEY, ARGV[16])
call('HSET', JOB .. id, 'data', ARGV[15], 'status', 'scheduled', 'origin', QUEUE, 'created_at', iso(now),
  'description', ARGV[10], 'd', ARGV[11], 'o', ARGV[12], 'rk', ARGV[17], 'ts', ARGV[18],
  'delay', format('%.0f', math.max(0, tonumber(NEXT) - tonumber(ARGV[18]))))
if tonumber(ARGV[13]) > 0 then call('HSET', JOB .. id, 'priority', ARGV[13]) end
if ARGV[14] ~= '' then call('HSET', JOB .. id, 'timeout', ARGV[14]) end
if ARGV[19] ~= '' then call('HSET', JOB .. id, 'g', ARGV[19]) end
call('SADD', PREFIX .. ':queues', WAIT)
delay_job(id, tonumber(NEXT))
return remember({ 1, now })
