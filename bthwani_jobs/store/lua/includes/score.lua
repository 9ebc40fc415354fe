-- The next free score of a millisecond, spilling into the following ones: exact order, never early.
-- Scores are passed as numbers or written with %.0f; tostring keeps 14 digits only.
local function due_score(set, ms)
  ms = math.max(ms, 1000000000000) -- earlier than 2001 would be read as seconds by RQ's own scheduler
  while true do
    local first = ms * K
    local taken = call('ZREVRANGEBYSCORE', set, first + K - 1, first, 'WITHSCORES', 'LIMIT', 0, 1)
    if not taken[1] then return first end
    local free = tonumber(taken[2]) + 1
    if free < first + K then return free end
    ms = ms + 1
  end
end

-- Finished sets only grow: behind the newest of ours, also when the clock steps back.
local newest_of = {}

local function finish_score(set)
  local newest = newest_of[set]
  if not newest then
    newest = tonumber(call('ZREVRANGE', set, 0, 0, 'WITHSCORES')[2]) or 0
    if newest > tonumber(LAST) then -- a stock tool's +inf lies above ours
      newest = tonumber(call('ZREVRANGEBYSCORE', set, LAST, FIRST, 'WITHSCORES', 'LIMIT', 0, 1)[2]) or 0
    end
  end
  newest_of[set] = math.max(now * K, newest + 1)
  return newest_of[set]
end

local function delay_job(id, due_ms)
  call('ZADD', DELAYED, due_score(DELAYED, due_ms), id)
  local first = call('ZRANGEBYSCORE', DELAYED, FIRST, LAST, 'LIMIT', 0, 1)[1]
  if first ~= id then return end
  call('ZADD', BULL .. 'marker:due', 0, '0') -- the scheduler process sleeps on this one
  wake() -- also while paused: somebody has to know when it is due
end
