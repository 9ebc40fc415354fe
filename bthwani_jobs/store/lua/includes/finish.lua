-- Into the completed or failed set, under the finishing job's own retention, applied to the whole set:
-- keep = '' everything, else '<count>:<age ms>' with either side empty.
local function trim(set, status, keep)
  local count, age = keep:match('^(%d*):(%d*)$')
  if call('ZCOUNT', set, '-inf', '(' .. FIRST) > 0 or call('ZCOUNT', set, '(' .. LAST, '+inf') > 0 then
    adopt(set, status)
  end
  local doomed = {}
  if age and age ~= '' then
    doomed = call('ZRANGEBYSCORE', set, FIRST, format('%.0f', (now - tonumber(age)) * K + K - 1), 'LIMIT', 0, 1000)
  end
  if count and count ~= '' then
    -- Entries of other tools are neither counted nor removed.
    local over = call('ZCOUNT', set, FIRST, LAST) - tonumber(count) - #doomed
    if over > 0 then
      for _, id in ipairs(call('ZRANGEBYSCORE', set, FIRST, LAST, 'LIMIT', #doomed, math.min(over, 1000))) do
        doomed[#doomed + 1] = id
      end
    end
  end
  for _, id in ipairs(doomed) do
    call('ZREM', set, id)
    delete_job(id)
  end
end

-- Entries without retention wait here, so that jobs finished in one call enter the set in one command.
local entering = { [COMPLETED] = {}, [FAILED] = {} }

local function enter_all()
  for set, entries in pairs(entering) do
    if #entries > 0 then
      call('ZADD', set, unpack(entries))
      entering[set] = {}
    end
  end
end

local function enter_finished(set, status, id, keep)
  if keep:sub(1, 2) == '0:' then
    delete_job(id)
    return
  end
  local entries = entering[set]
  entries[#entries + 1] = finish_score(set)
  entries[#entries + 1] = id
  if keep ~= '' then
    enter_all()
    trim(set, status, keep)
  end
end
