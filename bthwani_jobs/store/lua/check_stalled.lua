-- Jobs whose lease has lapsed go back to the head of the list, or to failed if they stalled too often.
-- At most one effective check an interval, whoever asks. Also adopts what stock workers have
-- finished, and sweeps what stock tools have left behind.
--
-- KEYS[1]  any key of the queue
-- ARGV[5]  stalled_interval in ms: no check within this time of the last one; 0 = check now
-- ARGV[6]  max_stalled_count
-- Returns  {checked, stalled ids, failed ids, adopted}
-- Events   stalled, failed
--- @include prelude
--- @include events
--- @include place
--- @include score
--- @include delete
--- @include adopt
--- @include finish
--- @include put_off
--- @include sweep
local INTERVAL, MAX_STALLED = tonumber(ARGV[5]), tonumber(ARGV[6])
local REASON = 'job stalled more than allowable limit'
local stalled, failed = {}, {}

if INTERVAL > 0 and not call('SET', BULL .. 'stalled-check', now, 'NX', 'PX', INTERVAL) then
  return { 0, stalled, failed, 0 }
end

-- remove_on_fail as its user wrote it (true, a number, {age, count}) in the options text; anything unreadable keeps.
local function keep_of(options)
  local ok, parsed = pcall(cjson.decode, options or '{}')
  local value = ok and type(parsed) == 'table' and parsed.f
  if value == true then return '0:' end
  if type(value) == 'number' then return value < 0 and '' or format('%d:', value) end
  if type(value) ~= 'table' then return '' end
  local age = type(value.age) == 'number' and format('%.0f', value.age * 1000) or ''
  local count = type(value.count) == 'number' and format('%d', value.count) or ''
  return (age .. count) ~= '' and count .. ':' .. age or ''
end

local function recover(id, token, row)
  local times = (tonumber(row[1]) or 0) + 1
  call('DEL', PREFIX .. ':execution:' .. id .. ':' .. token, PREFIX .. ':executions:' .. id)
  if times > MAX_STALLED then
    call('HSET', JOB .. id, 'worker_name', '', 'tk', '', 'sc', times, 'status', 'failed', 'fr', REASON, 'ended_at', iso(now))
    enter_finished(FAILED, 'failed', id, keep_of(row[2]))
    failed[#failed + 1] = id
    emit('failed', id, REASON)
  else
    call('HSET', JOB .. id, 'worker_name', '', 'tk', '', 'sc', times, 'status', 'queued')
    local list = target_list()
    call('LPUSH', list, id)
    if list == WAIT then wake() end
    stalled[#stalled + 1] = id
    emit('stalled', id)
  end
end

local lapsed = call('ZRANGEBYSCORE', ACTIVE, FIRST, format('%.0f', now * K - 1), 'LIMIT', 0, 1000)
for index = #lapsed, 1, -1 do -- the earliest ends up at the very head
  local id, token = lapsed[index]:match('^(.*):(.*)$')
  call('ZREM', ACTIVE, lapsed[index])
  local row = redis.pcall('HMGET', JOB .. (id or ''), 'sc', 'o', 'tk')
  -- Gone, unreadable, or already run again under another token: nothing to recover.
  if id and not row.err and row[3] == token then recover(id, token, row) end
end

enter_all()
local adopted = adopt(COMPLETED, 'finished') + adopt(FAILED, 'failed')
sweep()
publish_events()
return { 1, stalled, failed, adopted }
