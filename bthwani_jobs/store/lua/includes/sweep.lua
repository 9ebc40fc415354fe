-- Companions that a stock tool's delete leaves behind: priority members, logs and the limiter's notes of jobs that
-- are gone. A sample a pass, so that its cost does not grow with the queue.
local SAMPLE = 100

local function sweep()
  local swept = 0
  for _, member in ipairs(call('ZRANDMEMBER', PRIO, SAMPLE)) do
    local id = member:sub(18)
    local row = redis.pcall('HMGET', JOB .. id, 'status', 'pm')
    if row.err or row[1] ~= 'queued' or row[2] ~= member then swept = swept + call('ZREM', PRIO, member) end
  end
  for _, id in ipairs(call('SRANDMEMBER', LOGGED, SAMPLE)) do
    if call('EXISTS', JOB .. id) == 0 then
      delete_job(id)
      swept = swept + 1
    end
  end
  for _, member in ipairs(call('SRANDMEMBER', LIMITED, SAMPLE)) do
    local id, bucket = member:match('^([^:]*):(.*)$')
    if call('EXISTS', JOB .. id) == 0 then
      forget_put_off(id, bucket)
      swept = swept + 1
    end
  end
  return swept
end
