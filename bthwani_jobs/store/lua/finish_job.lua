-- A running job is finished by hand (Job.move_to_completed, move_to_failed, move_to_delayed). Checked first: a
-- refusal changes nothing.
--
-- KEYS[1]  call key
-- ARGV[5]  '1' = whoever holds the lock
-- ARGV[6]  token of the queue object, which owns locks taken by hand and leases of its own calls
-- ARGV[7]  rq id, then the other values of a finished run as step.lua takes them: token ('' = not known), kind,
--          text, stack traces, keep, delay ms, attempts made, priority, flags; another kind is postpone: to
--          delayed until the ms in place of the delay, without a failure
-- Returns  {code, now ms}: ok, missing_key, missing_lock, mismatch or not_active
-- Events   completed, failed
--- @include prelude
--- @include replay
--- @include events
--- @include place
--- @include score
--- @include delete
--- @include adopt
--- @include finish
--- @include locks
--- @include ends
local AT = 7
local IGNORE_LOCK, OWNER, id, run_token = ARGV[5] == '1', ARGV[6], ARGV[AT], ARGV[AT + 1]

local answered = replay()
if answered then return answered end

local row = redis.pcall('HMGET', JOB .. id, 'd', 'tk', 'worker_name')
if row.err or not row[1] then return remember({ 'missing_key', now }) end

local function fault_of_lock()
  local lease, by_hand = lease_of(id), call('GET', LOCK .. id)
  if by_hand == OWNER or owns_lease(lease, run_token ~= '' and run_token or OWNER) then return nil end
  return (lease or by_hand or stock_run(id)) and 'mismatch' or 'missing_lock'
end

local fault = not IGNORE_LOCK and fault_of_lock()
if fault then return remember({ fault, now }) end
local token = row[2] or ''
local run = id .. ':' .. token
if token == '' or not call('ZSCORE', ACTIVE, run) then return remember({ 'not_active', now }) end

ENDS.postpone = function()
  write_end(id, 'status', 'scheduled')
  delay_job(id, tonumber(ARGV[AT + 6]))
end

call('ZREM', ACTIVE, run)
call('DEL', LOCK .. id, PREFIX .. ':execution:' .. run, PREFIX .. ':executions:' .. id)
if row[3] and row[3] ~= '' then call('SREM', PREFIX .. ':worker:' .. row[3] .. ':executions', run) end
ENDS[ARGV[AT + 2]](id, AT)
enter_all()
publish_events()
return remember({ 'ok', now })
