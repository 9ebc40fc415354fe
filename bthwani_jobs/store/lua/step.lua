-- The worker's one call: write what has finished, move due jobs, take the next ones under a lease.
--
-- KEYS[1]  call key of this worker and queue
-- ARGV[5]  worker name
-- ARGV[6]  what lease tokens begin with: unique to this worker process
-- ARGV[7]  lease in ms
-- ARGV[8]  how many jobs are wanted
-- ARGV[9]  '1' if this worker had work since it last announced drained
-- ARGV[10] this worker's rate limiter: <max>:<duration ms>:<flags>, flags g = by group, b = bounce back; '' = none
-- ARGV[11] number of finished runs, then ten values for each:
--          rq id, token, kind, text, stack traces (JSON list or ''), keep, delay ms, attempts made, priority, flags
--          kind: complete | fail | retry | delay | give_back; text: result (JSON) or failure reason
--          flags: l = lifo, x = RQ execution records were written
-- Returns  {now ms, next due ms or '', held, lost, moved, aside, jobs, limited}
--          held: 0, or if the queue is paused or workers are suspended: 1, and 2 if jobs stay in its list
--          lost: {token, code, …}: runs whose lease was gone: missing_key, missing_lock or mismatch; nothing was written
--          moved: ids of delayed jobs that became waiting
--          aside: {id, why, …}: entries that could not be run and were set aside
--          jobs: rows of id, token and the fields of FIELDS
--          limited: jobs wait for the rate limiter: ms when the first of them may start, else ''
-- Events   completed, failed, waiting, active, drained
--- @include prelude
--- @include events
--- @include place
--- @include score
--- @include delete
--- @include adopt
--- @include finish
--- @include due
--- @include ends
--- @include put_off
--- @include claim
local WANT, RUNS, LIMITER = tonumber(ARGV[8]), tonumber(ARGV[11]), ARGV[10]
local lost = {}
--- @include limit

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
  return { now, next_due(), holding(), said ~= '' and cjson.decode(said) or {}, {}, {}, rows, '' }
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

-- Writes every finished run whose lease is still held.
local function finish_runs()
  local members, keys, released = {}, {}, {}
  for run = 1, RUNS do
    local at = 2 + run * 10
    members[run] = ARGV[at] .. ':' .. ARGV[at + 1]
    keys[run] = JOB .. ARGV[at]
  end
  local scores = call('ZMSCORE', ACTIVE, unpack(members))
  local all_exist = call('EXISTS', unpack(keys)) == RUNS
  for run = 1, RUNS do
    local at = 2 + run * 10
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

local function claim(held)
  local list = held and target_list() or WAIT
  local due = next_due()
  local moved = {}
  if due ~= '' and due <= now then
    moved = move_due(list, 1000)
    if list == WAIT and #moved > 0 then wake() end
    due = next_due()
  end
  if WANT == 0 then return due, moved, '' end
  if held then
    if ARGV[9] == '1' and call('EXISTS', WAIT) == 0 then emit('drained', '') end
    return due, moved, ''
  end
  local ids, limited
  if LIMITER == '' then
    ids, limited = call('LPOP', WAIT, WANT) or {}, ''
  else
    ids, limited, due = take_limited(WANT)
  end
  for index, id in ipairs(ids) do activate(id, TOKEN .. '-' .. CALL .. '-' .. index) end
  if #leases > 0 then call('ZADD', ACTIVE, unpack(leases)) end
  if #ids == WANT then
    if call('EXISTS', WAIT) == 1 then wake() end
  elseif ARGV[9] == '1' and #ids == 0 and limited == '' then
    emit('drained', '')
  end
  return due, moved, limited
end

local last = call('SET', KEYS[1], CALL, 'EX', 3600, 'GET')
if last and last:match('^%d+') == CALL then return replayed(last) end

if RUNS > 0 then finish_runs() end
local held = holding()
local due, moved, limited = claim(held > 0)
publish_events()
if #lost > 0 then call('SET', KEYS[1], CALL .. ' ' .. cjson.encode(lost), 'EX', 3600) end
return { now, due, held, lost, moved, aside, rows, limited }
