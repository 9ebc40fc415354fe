-- Jobs of one list or set deleted whatever they are and whoever holds them. Each answers how many.
local function pop_listed(list, limit)
  if limit == 0 then return 0 end
  local ids = call('LPOP', list, limit) or {}
  for _, id in ipairs(ids) do
    local member = redis.pcall('HGET', JOB .. id, 'pm')
    if type(member) == 'string' then call('ZREM', PRIO, member) end
    forget_claims(id)
    delete_job(id)
  end
  return #ids
end

local function remove_range(set, from, to, limit)
  local ids = call('ZRANGEBYSCORE', set, from, to, 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do
    call('ZREM', set, id)
    forget_claims(id)
    delete_job(id)
  end
  return #ids
end
