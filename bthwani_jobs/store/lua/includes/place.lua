-- Where a runnable job goes. Left end of the list = next to run. Order is decided here, at insertion:
-- prioritised behind the last listed job of a priority not after its own, else to the head; plain to the tail.
local function target_list()
  return call('EXISTS', PAUSE) == 1 and PAUSED or WAIT
end

local function place_prioritised(list, id, priority)
  local member = format('%016.0f', call('INCR', BULL .. 'prio:seq')) .. ':' .. id
  while true do
    local before = call('ZREVRANGEBYSCORE', PRIO, priority, '-inf', 'LIMIT', 0, 1)[1]
    if not before then
      call('LPUSH', list, id)
      break
    end
    local neighbour = before:sub(18)
    if call('LINDEX', list, -1) == neighbour then
      call('RPUSH', list, id)
      break
    end
    if call('LINSERT', list, 'AFTER', neighbour, id) > 0 then break end
    call('ZREM', PRIO, before) -- taken or deleted by a stock tool: forget it and look again
  end
  call('ZADD', PRIO, priority, member)
  call('HSET', JOB .. id, 'pm', member)
end

local function place(list, id, priority, lifo)
  if priority > 0 then
    place_prioritised(list, id, priority)
  elseif lifo then
    call('LPUSH', list, id)
  else
    call('RPUSH', list, id)
  end
end

-- One idle worker is woken; it wakes the next one if it leaves work behind.
local function wake()
  call('ZADD', MARKER, 0, '0')
end
