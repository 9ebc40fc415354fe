-- Add jobs: one, or a batch. A job whose id exists is left as it is and reported as a duplicate.
-- Prioritised jobs cost time for each prioritised one ahead, so a call stops after about 10^6 such steps
-- and the caller sends the rest again.
--
-- KEYS[1]   call key
-- ARGV[5]   RQ's `data` field: the constant call of the entry function
-- ARGV[6]   what automatic ids begin with: enc(queue) .. '__'
-- ARGV[7]   number of jobs, then eleven values for each:
--           rq id ('' = automatic), name, payload, options text, priority, delay ms, timestamp ms ('' = now),
--           lifo ('1'), RQ timeout in seconds ('' = none), result_ttl for stock workers ('' = none),
--           group of the rate limiter ('' = none)
-- Returns   {now ms, id 1, new 1, id 2, new 2, …}: new is 1, or 0 for a duplicate; shorter than asked: send the rest
-- Events    waiting (jobs without delay), duplicated
--- @include prelude
--- @include replay
--- @include events
--- @include place
--- @include score
local ARGS = 11

local function automatic_id()
  local id
  repeat
    id = ARGV[6] .. format('%.0f', call('INCR', BULL .. 'id'))
  until call('EXISTS', JOB .. id) == 0 -- skip ids that callers chose themselves
  return id
end

local answered = replay()
if answered then return answered end

local created_at, list = iso(now), target_list()
local work_left = 1000000
local ahead = -1
local reply, runnable = { now }, false

for index = 0, tonumber(ARGV[7]) - 1 do
  local at = 7 + index * ARGS
  local id, priority, delay = ARGV[at + 1], tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  if priority > 0 then
    if ahead < 0 then ahead = call('ZCARD', PRIO) end
    if index > 0 and work_left < ahead then break end
    work_left = work_left - ahead
    ahead = ahead + 1
  end
  local new = 1
  if id == '' then
    id = automatic_id()
  else
    call('INCR', BULL .. 'id') -- every add consumes a number
    if call('EXISTS', JOB .. id) == 1 then
      new = 0
    else
      call('DEL', LOGS .. id) -- of an earlier job of that id, deleted by a stock tool
    end
  end
  if new == 0 then
    emit('duplicated', id)
  else
    local fields = { 'data', ARGV[5], 'status', delay > 0 and 'scheduled' or 'queued', 'origin', QUEUE,
      'created_at', created_at, 'description', ARGV[at + 2], 'd', ARGV[at + 3] }
    local function set(field, value)
      fields[#fields + 1] = field
      fields[#fields + 1] = value
    end
    if ARGV[at + 4] ~= '' then set('o', ARGV[at + 4]) end
    if priority > 0 then set('priority', ARGV[at + 5]) end
    if delay > 0 then set('delay', ARGV[at + 6]) end
    if ARGV[at + 7] ~= '' then set('ts', ARGV[at + 7]) end
    if ARGV[at + 9] ~= '' then set('timeout', ARGV[at + 9]) end
    if ARGV[at + 10] ~= '' then set('result_ttl', ARGV[at + 10]) end
    if ARGV[at + 11] ~= '' then set('g', ARGV[at + 11]) end
    call('HSET', JOB .. id, unpack(fields))
    if delay > 0 then
      delay_job(id, (tonumber(ARGV[at + 7]) or now) + delay)
    else
      place(list, id, priority, ARGV[at + 8] == '1')
      emit('waiting', id)
      runnable = true
    end
  end
  reply[#reply + 1] = id
  reply[#reply + 1] = new
end

call('SADD', PREFIX .. ':queues', WAIT)
if runnable and list == WAIT then wake() end
publish_events()
return remember(reply)
