-- Everything that belongs to one job and is not an entry of a list or set.
local function delete_job(id)
  call('DEL', JOB .. id, LOGS .. id, LOCK .. id, PREFIX .. ':results:' .. id, PREFIX .. ':executions:' .. id)
  call('SREM', LOGGED, id)
end
