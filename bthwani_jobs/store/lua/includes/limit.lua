-- The fetching worker's rate limiter. A window begins with its first start and lasts `duration`; in it at most `max`
-- jobs start. What is too much goes to delayed, by `max` for each window that follows, due when it begins; with
-- bounce back it stays where it is, at the head.
local MAX, DURATION, GROUPED, BOUNCES
if LIMITER ~= '' then
  local max, duration, flags = LIMITER:match('^(%d+):(%d+):(%a*)$')
  MAX, DURATION = tonumber(max), tonumber(duration)
  GROUPED, BOUNCES = flags:find('g', 1, true) ~= nil, flags:find('b', 1, true) ~= nil
end

local SCAN = 1000 -- jobs looked at in one call
local windows = {} -- of this call, by bucket

local function window_of(bucket)
  local window = windows[bucket]
  if window then return window end
  local row = call('HMGET', BULL .. 'window:' .. bucket, 'ends', 'count', 'behind')
  window = { ends = tonumber(row[1]) or 0, count = tonumber(row[2]) or 0, behind = tonumber(row[3]) or 0 }
  if window.ends <= now then window = { ends = now + DURATION, count = 0, behind = 0 } end
  windows[bucket] = window
  return window
end

local function write_windows()
  for bucket, window in pairs(windows) do
    if window.changed then
      local key = BULL .. 'window:' .. bucket
      call('HSET', key, 'ends', format('%.0f', window.ends), 'count', window.count, 'behind', window.behind)
      call('PEXPIRE', key, format('%.0f', window.ends - now))
    end
  end
end

local function begin_start(bucket)
  local window = window_of(bucket)
  window.count = window.count + 1
  window.changed = true
end

-- When a job may try again; nil: it may start now. A new one stands behind all that are put off already; one whose
-- time has come (or was promoted) behind those that came as early as itself.
local function turn_of(bucket, was_put_off)
  local window = window_of(bucket)
  local room = MAX - window.count
  local ahead
  if was_put_off then
    if room > 0 then return nil end
    ahead = window.behind
    window.behind = ahead + 1
    window.changed = true
  else
    ahead = call('SCARD', LIMITED .. ':' .. bucket) - math.max(room, 0)
    if ahead < 0 then return nil end
  end
  return window.ends + floor(ahead / MAX) * DURATION
end

-- The job's bucket and what else is needed of it. nil: not a job of ours, activation sets it aside.
local function limited_row(id)
  local row = redis.pcall('HMGET', JOB .. id, 'd', 'g', 'lp', 'pm')
  if row.err or not row[1] then return nil end
  return { bucket = GROUPED and row[2] or '', put_off = row[3], pm = row[4] }
end

local function put_off(id, row, due)
  if row.put_off and row.put_off ~= row.bucket then forget_put_off(id, row.put_off) end
  if row.pm then call('ZREM', PRIO, row.pm) end
  note_put_off(id, row.bucket)
  call('HSET', JOB .. id, 'status', 'scheduled', 'lp', row.bucket)
  call('ZADD', DELAYED, due_score(DELAYED, due), id) -- and nobody is woken: who put it off knows when it is due
end

-- Takes up to `want` jobs that may start; what may not is put off on the way.
local function take_or_put_off(want)
  local taken, seen = {}, 0
  while #taken < want and seen < SCAN do
    local ids = call('LPOP', WAIT, want - #taken)
    if not ids then return taken end
    for _, id in ipairs(ids) do
      seen = seen + 1
      local row = limited_row(id)
      local due = row and turn_of(row.bucket, row.put_off)
      if due then
        put_off(id, row, due)
      else
        taken[#taken + 1] = id
        if row then begin_start(row.bucket) end
        if row and row.put_off then
          forget_put_off(id, row.put_off)
          call('HDEL', JOB .. id, 'lp')
        end
      end
    end
  end
  if seen >= SCAN and call('EXISTS', WAIT) == 1 then wake() end -- the next call goes on
  return taken
end

-- Takes up to `want` jobs that may start and leaves the others in place; and when the first of those may.
local function take_in_place(want)
  local taken, opens = {}, ''
  for _, id in ipairs(call('LRANGE', WAIT, 0, (GROUPED and SCAN or want) - 1)) do
    if #taken == want then break end
    local row = limited_row(id)
    local window = row and window_of(row.bucket)
    if not window or window.count < MAX then
      if row then begin_start(row.bucket) end
      call('LREM', WAIT, 1, id)
      taken[#taken + 1] = id
    else
      if opens == '' or window.ends < opens then opens = window.ends end
      if not GROUPED then break end
    end
  end
  return taken, opens
end

-- The jobs to start, when the first that waits for the limiter may ('' if none does), and the next due time.
local function take_limited(want)
  local taken, opens = {}, ''
  if BOUNCES then
    taken, opens = take_in_place(want)
  else
    taken = take_or_put_off(want)
  end
  write_windows()
  local due = next_due()
  if opens == '' and call('EXISTS', LIMITED) == 1 then opens = due end
  return taken, opens, due
end
