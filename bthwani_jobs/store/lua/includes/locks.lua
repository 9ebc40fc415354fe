-- Locked = a lease whose end has not passed, a stock worker's run, or a lock taken by hand (Job.take_lock).
local function lease_of(id)
  local token = call('HGET', JOB .. id, 'tk')
  if not token or token == '' then return nil end
  local score = call('ZSCORE', ACTIVE, id .. ':' .. token)
  return score and tonumber(score) >= now * K and token or nil
end

-- RQ keeps one set of run ids a job; its scores are seconds.
local function stock_run(id)
  return call('HGET', JOB .. id, 'status') == 'started'
    and call('ZCOUNT', PREFIX .. ':executions:' .. id, floor(now / 1000), '+inf') > 0
end

local function is_locked(id)
  return lease_of(id) ~= nil or call('EXISTS', LOCK .. id) == 1 or stock_run(id)
end

-- A lease belongs to its token. One that a queue object has taken (Queue.get_next_job) also belongs to that object,
-- whose token its own begins with.
local function owns_lease(lease, owner)
  return lease == owner or (lease ~= nil and lease:sub(1, #owner + 1) == owner .. '.')
end
