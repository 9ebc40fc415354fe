-- What every script starts with: the common arguments, the clock, key names and the ISO date that RQ writes.
--
-- KEYS[1]  the caller's call key (see replay.lua); also what a cluster client routes by
-- ARGV[1]  key prefix (RQ's RQ_KEY_PREFIX)
-- ARGV[2]  queue name
-- ARGV[3]  now in ms; 0 = the server's own clock, which production always sends
-- ARGV[4]  call number, '' = this call needs no protection against being sent twice
local PREFIX, QUEUE, CALL = ARGV[1], ARGV[2], ARGV[4]
local call, format, floor = redis.call, string.format, math.floor

local BULL = PREFIX .. ':bull:' .. QUEUE .. ':'
local WAIT = PREFIX .. ':queue:' .. QUEUE
local PAUSED, PAUSE, PRIO, MARKER = BULL .. 'paused', BULL .. 'pause', BULL .. 'prio', BULL .. 'marker'
local ACTIVE, DELAYED = PREFIX .. ':wip:' .. QUEUE, PREFIX .. ':scheduled:' .. QUEUE
local COMPLETED, FAILED = PREFIX .. ':finished:' .. QUEUE, PREFIX .. ':failed:' .. QUEUE
local JOB, LOGS, LOCK = PREFIX .. ':job:', BULL .. 'logs:', BULL .. 'lock:'
local LOGGED = BULL .. 'logged' -- ids of jobs that have logs

-- Scores are ms * K + sequence. Below FIRST lie RQ's own entries, which count in seconds.
local K = 1024
local FIRST, LAST = '1024000000000000', '9007199254740991'

local now = tonumber(ARGV[3])
if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000 + floor(time[2] / 1000)
end

local function iso(ms)
  local seconds = floor(ms / 1000)
  local days = floor(seconds / 86400)
  local rest = seconds - days * 86400
  -- Civil date from days since 1970-01-01, counted in eras of 400 years that begin on 1 March.
  local z = days + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  return format('%04d-%02d-%02dT%02d:%02d:%02d.%03d000Z', yoe + era * 400 + (month <= 2 and 1 or 0), month,
    doy - floor((153 * mp + 2) / 5) + 1, floor(rest / 3600), floor(rest % 3600 / 60), rest % 60, ms % 1000)
end

-- The date of this call, made once.
local date_text

local function date()
  date_text = date_text or iso(now)
  return date_text
end
