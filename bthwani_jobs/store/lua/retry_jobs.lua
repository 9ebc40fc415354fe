-- A batch of the failed jobs runs again, in the order of their failures (Queue.retry_jobs): prioritised ones take
-- their place, all others go to the tail. Jobs that fail again meanwhile are not taken twice.
--
-- KEYS[1]  call key
-- ARGV[5]  how many at the most
-- ARGV[6]  '' at first, then the cursor of the last answer
-- Returns  cursor for the next call, '' = done
-- Events   none, as in Bull; completed or failed for what stock workers left behind
--- @include prelude
--- @include replay
--- @include events
--- @include place
--- @include score
--- @include adopt
--- @include locks
local answered = replay()
if answered then return answered[1] end

-- The cursor: <score of the last job to take>|<where to go on>
local last, from = ARGV[6]:match('^(.*)|(.*)$')
if not last then
  repeat until adopt(FAILED, 'failed') < 100
  last, from = call('ZREVRANGEBYSCORE', FAILED, LAST, FIRST, 'WITHSCORES', 'LIMIT', 0, 1)[2], FIRST
end

local list, requeued = target_list(), false
local date, ahead, work_left = iso(now), call('ZCARD', PRIO), 1000000

local function requeue(id, priority)
  call('ZREM', FAILED, id)
  call('HDEL', JOB .. id, 'fr', 'started_at', 'ended_at', 'sc')
  call('HSET', JOB .. id, 'status', 'queued', 'enqueued_at', date)
  call('PERSIST', JOB .. id)
  place(list, id, priority, false)
  requeued = true
  if priority > 0 then
    work_left = work_left - ahead
    ahead = ahead + 1
  end
end

local function take(id)
  local row = redis.pcall('HMGET', JOB .. id, 'd', 'priority')
  if row.err then return end
  if row[1] then
    if not is_locked(id) then requeue(id, tonumber(row[2]) or 0) end
  elseif call('EXISTS', JOB .. id) == 0 then
    call('ZREM', FAILED, id)
  end
end

local cursor = ''
if last then
  local found = call('ZRANGEBYSCORE', FAILED, from, last, 'WITHSCORES', 'LIMIT', 0, ARGV[5])
  for index = 1, #found, 2 do
    take(found[index])
    if found[index + 1] ~= last then cursor = last .. '|(' .. found[index + 1] else cursor = '' end
    if work_left < ahead then break end -- each prioritised job costs a step for every one ahead of it
  end
end
if requeued and list == WAIT then wake() end
publish_events()
return remember({ cursor })[1]
