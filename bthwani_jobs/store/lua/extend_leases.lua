-- Renew the leases of running jobs, and write RQ's execution records for those that have run a while
-- (short runs never get any: nobody could have seen them).
--
-- KEYS[1]  any key of the queue
-- ARGV[5]  worker name
-- ARGV[6]  lease in ms
-- ARGV[7]  number of runs, then three values for each: rq id, token, start in s (decimal; '' = no record)
-- Returns  indexes (from 0) of the runs whose lease is lost
-- Events   none
--- @include prelude
local WORKER, LEASE = ARGV[5], tonumber(ARGV[6])
local lost = {}

-- Fields and lifetimes as rq.executions writes them; a missing field breaks readers of Worker.all.
local function record(id, token, started)
  local seconds = math.ceil(LEASE / 1000) + 60
  local execution = PREFIX .. ':execution:' .. id .. ':' .. token
  local of_worker = PREFIX .. ':worker:' .. WORKER .. ':executions'
  call('HSET', execution, 'id', token, 'job_id', id, 'created_at', started,
    'last_heartbeat', format('%.3f', now / 1000), 'worker_name', WORKER)
  call('EXPIRE', execution, seconds)
  call('ZADD', PREFIX .. ':executions:' .. id, floor(now / 1000) + seconds, token)
  call('EXPIRE', PREFIX .. ':executions:' .. id, seconds)
  call('SADD', of_worker, id .. ':' .. token)
  call('EXPIRE', of_worker, seconds)
end

for index = 0, tonumber(ARGV[7]) - 1 do
  local id, token, started = ARGV[8 + index * 3], ARGV[9 + index * 3], ARGV[10 + index * 3]
  local member = id .. ':' .. token
  local score = call('ZSCORE', ACTIVE, member)
  if score and tonumber(score) >= now * K and call('EXISTS', JOB .. id) == 1 then
    call('ZADD', ACTIVE, 'XX', (now + LEASE) * K + math.min(index, K - 1), member) -- their order stays
    if started ~= '' then record(id, token, started) end
  else
    lost[#lost + 1] = index
  end
end
return lost
