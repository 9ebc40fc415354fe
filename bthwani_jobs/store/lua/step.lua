-- The worker's one call: write what has finished, move due jobs, take the next ones under a lease.
--
-- KEYS[1]  call key of this worker and queue
-- ARGV[5]  worker name
-- ARGV[6]  what lease tokens begin with: unique to this worker process
-- ARGV[7]  lease in ms
-- ARGV[8]  how many jobs are wanted
-- ARGV[9]  '1' if this worker had work since it last announced drained
-- ARGV[10] number of finished runs, then ten values for each:
--          rq id, token, kind, text, stack traces (JSON list or ''), keep, delay ms, attempts made, priority, flags
--          kind: complete | fail | retry | delay | give_back; text: result (JSON) or failure reason
--          flags: l = lifo, x = RQ execution records were written
-- Returns  {now ms, next due ms or '', held, lost, moved, aside, jobs}
--          held: 0, or if the queue is paused or workers are suspended: 1, and 2 if jobs stay in its list
--          lost: {token, code, …}: runs whose lease was gone: missing_key, missing_lock or mismatch; nothing was written
--          moved: ids of delayed jobs that became waiting
--          aside: {id, why, …}: entries that could not be run and were set aside
--          jobs: rows of id, token and the fields of FIELDS
-- Events   completed, failed, waiting, active, drained
--- @include prelude
--- @include events
--- @include place
--- @include score
--- @include delete
--- @include adopt
--- @include finish
--- @include due
local WORKER, TOKEN, LEASE, WANT, RUNS = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[10])
local FIELDS = { 'd', 'description', 'o', 'am', 'created_at', 'ts', 'st', 'pg', 'pm', 'rk', 'priority', 'fr' }
local SUSPENDED = PREFIX .. ':suspended'
local date = iso(now)
local lost, aside, rows, leases = {}, {}, {}, {}

local function add_row(id, token, row)
  rows[#rows + 1] = { id, token, unpack(row, 1, #FIELDS) }
end

local function holding()
  if call('EXISTS', PAUSE, SUSPENDED) == 0 then return 0 end
  return 1 + call('EXISTS', WAIT)
end

-- Same call number as last time: the reply was lost. Nothing is done again; what was leased is answered again.
local function replayed(last)
  call('SET', KEYS[1], last, 'EX', 3600)
  local said = last:sub(#CALL + 2)
  local mine = ':' .. TOKEN .. '-' .. CALL .. '-'
  for _, member in ipairs(call('ZRANGE', ACTIVE, 0, -1)) do
    if member:find(mine, 1, true) then
      local id, token = member:match('^(.*):(.*)$')
      add_row(id, token, call('HMGET', JOB .. id, unpack(FIELDS)))
    end
  end
  return { now, next_due(), holding(), said ~= '' and cjson.decode(said) or {}, {}, {}, rows }
end

local function fault_of(id, token)
  local current = redis.pcall('HMGET', JOB .. id, 'tk', 'status')
  if current.err or not current[2] then return 'missing_key' end
  local other = current[1]
  if other and other ~= '' and other ~= token and call('ZSCORE', ACTIVE, id .. ':' .. other) then return 'mismatch' end
  return 'missing_lock'
end

local function forget_execution(id, token)
  call('DEL', PREFIX .. ':execution:' .. id .. ':' .. token)
  call('ZREM', PREFIX .. ':executions:' .. id, token)
  call('SREM', PREFIX .. ':worker:' .. WORKER .. ':executions', id .. ':' .. token)
end

-- Emptied rather than deleted: one command less, and what RQ itself leaves.
local function write_end(id, ...)
  call('HSET', JOB .. id, 'worker_name', '', 'tk', '', ...)
end

local function write_failure(id, status, at, ended_at)
  write_end(id, 'status', status, 'fr', ARGV[at + 3], 'st', ARGV[at + 4], 'am', ARGV[at + 7], 'ended_at', ended_at)
end

local function put_back(id, priority, lifo)
  local list = target_list()
  place(list, id, priority, lifo)
  if list == WAIT then wake() end
end

-- What each kind of end writes; at = where the run's arguments begin.
local ENDS = {
  complete = function(id, at)
    write_end(id, 'status', 'finished', 'ended_at', date, 'rv', ARGV[at + 3])
    enter_finished(COMPLETED, 'finished', id, ARGV[at + 5])
    emit('completed', id, ARGV[at + 3])
  end,
  fail = function(id, at)
    write_failure(id, 'failed', at, date)
    enter_finished(FAILED, 'failed', id, ARGV[at + 5])
    emit_text('failed', id, ARGV[at + 3])
  end,
  retry = function(id, at)
    write_failure(id, 'queued', at, '')
    put_back(id, tonumber(ARGV[at + 8]), ARGV[at + 9]:find('l', 1, true))
  end,
  delay = function(id, at)
    write_failure(id, 'scheduled', at, '')
    delay_job(id, now + tonumber(ARGV[at + 6]))
  end,
  give_back = function(id)
    write_end(id, 'status', 'queued', 'started_at', '')
    local row = call('HMGET', JOB .. id, 'priority', 'pm')
    if row[1] and row[2] then call('ZADD', PRIO, row[1], row[2]) end -- as if it had never been taken
    put_back(id, 0, true)
  end,
}

-- Writes every finished run whose lease is still held.
local function finish_runs()
  local members, keys, released = {}, {}, {}
  for run = 1, RUNS do
    local at = 1 + run * 10
    members[run] = ARGV[at] .. ':' .. ARGV[at + 1]
    keys[run] = JOB .. ARGV[at]
  end
  local scores = call('ZMSCORE', ACTIVE, unpack(members))
  local all_exist = call('EXISTS', unpack(keys)) == RUNS
  for run = 1, RUNS do
    local at = 1 + run * 10
    local id, token = ARGV[at], ARGV[at + 1]
    if ARGV[at + 9]:find('x', 1, true) then forget_execution(id, token) end
    local in_time = scores[run] and tonumber(scores[run]) >= now * K
    if in_time and (all_exist or call('EXISTS', keys[run]) == 1) then
      released[#released + 1] = members[run]
      -- Its hash, which is written first, may have become something else: that must not stop the others' ends.
      if not pcall(ENDS[ARGV[at + 2]], id, at) then
        lost[#lost + 1] = token
        lost[#lost + 1] = 'missing_key'
      end
    else
      local fault = fault_of(id, token)
      if fault == 'missing_key' then released[#released + 1] = members[run] end
      lost[#lost + 1] = token
      lost[#lost + 1] = fault
    end
  end
  if #released > 0 then call('ZREM', ACTIVE, unpack(released)) end
  enter_all()
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
  call('HSET', JOB .. id, 'status', 'failed', 'ended_at', date, 'fr', text)
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
  call('HSET', key, 'status', 'started', 'started_at', date, 'worker_name', WORKER, 'tk', token)
  if row[9] then call('ZREM', PRIO, row[9]) end
  -- The next occurrence is owed from here on: whoever is alive pays it (repeats are scheduled by Python).
  if row[10] and (row[4] or '0') == '0' then call('ZADD', BULL .. 'repeat:owed', now, row[10]) end
  leases[#leases + 1] = (now + LEASE) * K + math.min(#leases / 2, K - 1) -- getters show the order of activation
  leases[#leases + 1] = id .. ':' .. token
  add_row(id, token, row)
  emit('active', id)
end

local function claim(held)
  local list = held and target_list() or WAIT
  local due = next_due()
  local moved = {}
  if due ~= '' and due <= now then
    moved = move_due(list, 1000)
    if list == WAIT and #moved > 0 then wake() end
    due = next_due()
  end
  if WANT == 0 then return due, moved end
  if held then
    if ARGV[9] == '1' and call('EXISTS', WAIT) == 0 then emit('drained', '') end
    return due, moved
  end
  local ids = call('LPOP', WAIT, WANT) or {}
  for index, id in ipairs(ids) do activate(id, TOKEN .. '-' .. CALL .. '-' .. index) end
  if #leases > 0 then call('ZADD', ACTIVE, unpack(leases)) end
  if #ids == WANT then
    if call('EXISTS', WAIT) == 1 then wake() end
  elseif ARGV[9] == '1' and #ids == 0 then
    emit('drained', '')
  end
  return due, moved
end

local last = call('SET', KEYS[1], CALL, 'EX', 3600, 'GET')
if last and last:match('^%d+') == CALL then return replayed(last) end

if RUNS > 0 then finish_runs() end
local held = holding()
local due, moved = claim(held > 0)
publish_events()
if #lost > 0 then call('SET', KEYS[1], CALL .. ' ' .. cjson.encode(lost), 'EX', 3600) end
return { now, due, held, lost, moved, aside, rows }
