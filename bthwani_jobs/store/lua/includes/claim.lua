-- An entry of the list becomes a running job, or is set aside. For scripts whose ARGV[5] to ARGV[7] are the worker's
-- name, the token and the lease in ms. Needs put_off.
local WORKER, TOKEN, LEASE = ARGV[5], ARGV[6], tonumber(ARGV[7])
local FIELDS = { 'd', 'description', 'o', 'am', 'created_at', 'ts', 'st', 'pg', 'pm',
  'rk', 'priority', 'fr', 'g', 'lp' }
local aside, rows, leases = {}, {}, {}

local function add_row(id, token, row)
  rows[#rows + 1] = { id, token, unpack(row, 1, #FIELDS) }
end

local function set_aside(id, why)
  call('LPUSH', BULL .. 'aside', id)
  call('LTRIM', BULL .. 'aside', 0, 999)
  aside[#aside + 1] = id
  aside[#aside + 1] = why
end

-- A hash without our payload: another tool's RQ job. Never skipped silently: it ends failed, with a reason.
local function refuse_foreign(id)
  local text = 'This job was not added by bthwani_jobs and its function is not allowed on this worker.'
  if id:find('[^%w_-]') then return set_aside(id, 'foreign id') end
  call('HSET', JOB .. id, 'status', 'failed', 'ended_at', date(), 'fr', text)
  call('ZADD', FAILED, finish_score(FAILED), id)
  aside[#aside + 1] = id
  aside[#aside + 1] = 'foreign job, moved to failed'
  emit_text('failed', id, text)
end

local function activate(id, token)
  local key = JOB .. id
  local row = redis.pcall('HMGET', key, unpack(FIELDS))
  if row.err then return set_aside(id, 'its hash has the wrong type') end
  if row[1] and (id == '' or id:find('[^%w_-]')) then return set_aside(id, 'foreign id') end
  if not row[1] then
    if call('EXISTS', key) == 1 then return refuse_foreign(id) end
    aside[#aside + 1] = id
    aside[#aside + 1] = 'its hash is gone, dropped'
    return
  end
  call('HSET', key, 'status', 'started', 'started_at', date(), 'worker_name', WORKER, 'tk', token)
  if row[9] then call('ZREM', PRIO, row[9]) end
  if row[14] then -- put off by a limiter that this worker does not have
    forget_put_off(id, row[14])
    call('HDEL', key, 'lp')
  end
  -- The next occurrence is owed from here on: whoever is alive pays it (repeats are scheduled by Python).
  if row[10] and (row[4] or '0') == '0' then call('ZADD', BULL .. 'repeat:owed', now, row[10]) end
  leases[#leases + 1] = (now + LEASE) * K + math.min(#leases / 2, K - 1) -- getters show the order of activation
  leases[#leases + 1] = id .. ':' .. token
  add_row(id, token, row)
  emit('active', id)
end

local SUSPENDED = PREFIX .. ':suspended'

-- 0; if the queue is paused or workers are suspended 1, and 2 if jobs stay in its list all the same.
local function holding()
  if call('EXISTS', PAUSE, SUSPENDED) == 0 then return 0 end
  return 1 + call('EXISTS', WAIT)
end
