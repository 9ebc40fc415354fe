-- The next free score of a millisecond, spilling into the following ones: exact order, never early.
-- Written with %.0f because tostring keeps 14 digits only.
local function due_score(set, ms)
  ms = math.max(ms, 1000000000000) -- earlier than 2001 would be read as seconds by RQ's own scheduler
  while true do
    local first = ms * K
    local taken = call('ZREVRANGEBYSCORE', set, format('%.0f', first + K - 1), format('%.0f', first), 'WITHSCORES', 'LIMIT', 0, 1)
    if not taken[1] then return format('%.0f', first) end
    local free = tonumber(taken[2]) + 1
    if free < first + K then return format('%.0f', free) end
    ms = ms + 1
  end
end

-- Finished sets only grow: behind the newest of ours, also when the clock steps back.
local function finish_score(set)
  local score = now * K
  local newest = tonumber(call('ZREVRANGE', set, 0, 0, 'WITHSCORES')[2]) or 0
  if newest > tonumber(LAST) then -- a stock tool's +inf lies above ours
    newest = tonumber(call('ZREVRANGEBYSCORE', set, LAST, FIRST, 'WITHSCORES', 'LIMIT', 0, 1)[2]) or 0
  end
  return format('%.0f', math.max(score, newest + 1))
end

local function delay_job(id, due_ms)
  call('ZADD', DELAYED, due_score(DELAYED, due_ms), id)
  local first = call('ZRANGEBYSCORE', DELAYED, FIRST, LAST, 'LIMIT', 0, 1)[1]
  if first ~= id then return end
  call('ZADD', BULL .. 'marker:due', 0, '0') -- the scheduler process sleeps on this one
  if call('EXISTS', PAUSE) == 0 then wake() end
end
