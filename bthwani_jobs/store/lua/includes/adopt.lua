-- What stock workers finish is scored in seconds (or +inf) and its hash expires. Both sort before all of
-- ours, so retention would throw these newest ones away first: rescore them to their ended_at in ms.
local function ms_of_iso(text)
  local y, mo, d, h, mi, s, frac = text:match('^(%d+)%-(%d+)%-(%d+)T(%d+):(%d+):(%d+)%.?(%d*)')
  if not y then return nil end
  y, mo = tonumber(y), tonumber(mo)
  if mo <= 2 then y = y - 1 end
  local era = floor(y / 400)
  local yoe = y - era * 400
  local doy = floor((153 * (mo > 2 and mo - 3 or mo + 9) + 2) / 5) + d - 1
  local days = era * 146097 + yoe * 365 + floor(yoe / 4) - floor(yoe / 100) + doy - 719468
  return ((days * 24 + h) * 60 + mi) * 60000 + s * 1000 + floor(tonumber('0.' .. (frac ~= '' and frac or '0')) * 1000)
end

local function adopt_entry(set, status, id)
  local row = redis.pcall('HMGET', JOB .. id, 'status', 'ended_at', 'd', 'rv', 'fr')
  if row.err then return false end
  if row[1] ~= status or not row[3] then return false end
  local ended = row[2] and ms_of_iso(row[2])
  if not ended then
    ended = now
    call('HSET', JOB .. id, 'ended_at', iso(now))
  end
  if status == 'failed' and not row[5] then -- RQ notes its own failures elsewhere
    row[5] = 'The RQ worker that ran this job ended before the job did.'
    call('HSET', JOB .. id, 'fr', row[5])
  end
  call('ZADD', set, due_score(set, ended), id)
  call('PERSIST', JOB .. id)
  if status == 'finished' then emit('completed', id, row[4] or 'null') else emit_text('failed', id, row[5] or '') end
  return true
end

-- A hundred entries a pass and range. Those that are not ours stay as they are, and the next pass begins behind
-- them.
local function adopt_range(set, status, from, to)
  local cursor = BULL .. 'adopt:' .. status .. from
  local offset = tonumber(call('GET', cursor)) or 0
  local ids = call('ZRANGEBYSCORE', set, from, to, 'LIMIT', offset, 100)
  local adopted = 0
  for _, id in ipairs(ids) do
    if adopt_entry(set, status, id) then adopted = adopted + 1 end
  end
  if #ids == 100 then
    call('SET', cursor, offset + #ids - adopted, 'EX', 3600)
  elseif offset > 0 then
    call('DEL', cursor)
  end
  return adopted
end

local function adopt(set, status)
  return adopt_range(set, status, '-inf', '(' .. FIRST) + adopt_range(set, status, '(' .. LAST, '+inf')
end
