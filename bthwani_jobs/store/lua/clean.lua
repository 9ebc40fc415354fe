-- Old jobs of one state are deleted (Queue.clean): first those next to run, due or finished first. A job's time
-- is the first it has of: finished, processed, added. Locked jobs stay; what other tools have put there is not ours.
--
-- KEYS[1]  call key
-- ARGV[5]  wait, paused, active, delayed, completed or failed
-- ARGV[6]  grace in ms: strictly older jobs go; 0 = all that exist now
-- ARGV[7]  how many at the most, 0 = no limit
-- ARGV[8]  '' at first, then the cursor of the last answer
-- Returns  {cursor for the next call ('' = done), rq ids that were removed}
-- Events   completed or failed for what stock workers left behind
--- @include prelude
--- @include replay
--- @include events
--- @include score
--- @include delete
--- @include put_off
--- @include claims
--- @include adopt
--- @include locks
--- @include remove
--- @include unlist
local KIND, GRACE, LIMIT = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local LISTS = { wait = WAIT, paused = PAUSED }
local SETS = { delayed = DELAYED, completed = COMPLETED, failed = FAILED }
local STATUS = { completed = 'finished', failed = 'failed' }

local answered = replay()
if answered then return answered end

-- The cursor: <jobs from this ms on stay>|<where to go on: a position, or a score>
local bound, from = ARGV[8]:match('^(%-?%d+)|(.*)$')
if not bound then
  bound = format('%.0f', GRACE == 0 and now + 1 or now - GRACE)
  from = SETS[KIND] and FIRST or '0'
  if STATUS[KIND] then repeat until adopt(SETS[KIND], STATUS[KIND]) < 100 end
end
local BOUND = tonumber(bound)

local function ms_or_nil(text)
  return text and ms_of_iso(text)
end

local function is_old(id)
  local row = redis.pcall('HMGET', JOB .. id, 'ended_at', 'started_at', 'ts', 'created_at')
  if row.err then return true end
  local time = ms_or_nil(row[1]) or ms_or_nil(row[2]) or tonumber(row[3] or '') or ms_or_nil(row[4])
  return not time or time < BOUND
end

local function goes(id)
  return is_old(id) and is_free(id)
end

local removed, cursor = {}, ''

local function is_full()
  return LIMIT > 0 and #removed == LIMIT
end

-- Where the next call begins; nothing follows a window that was not full.
local function go_on(found, where)
  if found == SPAN and not is_full() then cursor = bound .. '|' .. where end
end

local function clean_list(list)
  local ids = call('LRANGE', list, from, from + SPAN - 1)
  for index, id in ipairs(ids) do
    if is_full() then break end
    if goes(id) then
      drop(id)
      call('LSET', list, from + index - 1, MARK)
      removed[#removed + 1] = id
    end
  end
  if #removed > 0 then remove_marked(list) end
  go_on(#ids, format('%.0f', from + #ids - #removed))
end

local function clean_set(set)
  local found = call('ZRANGEBYSCORE', set, from, LAST, 'WITHSCORES', 'LIMIT', 0, SPAN)
  for index = 1, #found, 2 do
    if is_full() then break end
    local id = found[index]
    if goes(id) then
      drop(id)
      call('ZREM', set, id)
      removed[#removed + 1] = id
    end
  end
  go_on(#found / 2, '(' .. (found[#found] or ''))
end

-- Only leases that have ended; one that another run of its job has replaced is the stall check's.
local function clean_active()
  local found = call('ZRANGEBYSCORE', ACTIVE, FIRST, format('%.0f', now * K - 1), 'LIMIT', from, SPAN)
  for _, member in ipairs(found) do
    if is_full() then break end
    local id, token = member:match('^(.*):(.*)$')
    local current = redis.pcall('HGET', JOB .. id, 'tk')
    if (type(current) ~= 'string' or current == token) and goes(id) then
      drop(id)
      call('ZREM', ACTIVE, member)
      removed[#removed + 1] = id
    end
  end
  go_on(#found, format('%.0f', from + #found - #removed))
end

if LISTS[KIND] then
  clean_list(LISTS[KIND])
elseif SETS[KIND] then
  clean_set(SETS[KIND])
else
  clean_active()
end
publish_events()
return remember({ cursor, removed })
