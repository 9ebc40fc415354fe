-- Jobs out of every list and set, with all that belongs to them.

-- Whether nobody holds the job. A key of the wrong type holds nothing.
local function is_free(id)
  local token = redis.pcall('HGET', JOB .. id, 'tk')
  return type(token) == 'table' or not is_locked(id)
end

-- Everything but its entry in a list; true if it may have one.
local function drop(id)
  local row = redis.pcall('HMGET', JOB .. id, 'tk', 'pm', 'worker_name')
  if not row.err then
    if row[1] and row[1] ~= '' then
      local run = id .. ':' .. row[1]
      call('ZREM', ACTIVE, run)
      call('DEL', PREFIX .. ':execution:' .. run)
      if row[3] then call('SREM', PREFIX .. ':worker:' .. row[3] .. ':executions', run) end
    end
    if row[2] then call('ZREM', PRIO, row[2]) end
  end
  local sets = call('ZREM', COMPLETED, id) + call('ZREM', FAILED, id) + call('ZREM', DELAYED, id)
  forget_claims(id)
  delete_job(id)
  return sets == 0
end
