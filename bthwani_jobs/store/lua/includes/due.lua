-- Due jobs behave like fresh adds: plain to the tail (lifo too), prioritised behind their equals.
local function move_due(list, limit)
  local moved = {}
  local due = call('ZRANGEBYSCORE', DELAYED, FIRST, format('%.0f', now * K + K - 1), 'LIMIT', 0, limit)
  for _, id in ipairs(due) do
    call('ZREM', DELAYED, id)
    local row = redis.pcall('HMGET', JOB .. id, 'd', 'priority', 'delay')
    if not row.err and row[1] then
      call('HSET', JOB .. id, 'status', 'queued')
      if row[3] then call('HDEL', JOB .. id, 'delay') end
      place(list, id, tonumber(row[2]) or 0, false)
      moved[#moved + 1] = id
      emit('waiting', id)
    end
  end
  return moved
end

-- Due ms of the earliest delayed job, '' if there is none.
local function next_due()
  local first = call('ZRANGEBYSCORE', DELAYED, FIRST, LAST, 'WITHSCORES', 'LIMIT', 0, 1)
  return first[1] and floor(tonumber(first[2]) / K) or ''
end
