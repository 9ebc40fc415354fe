-- A client resends a command whose reply was lost. The call key holds the caller's last call number and
-- what it was answered; the same number is answered again and nothing is done twice.
local function replay()
  if CALL == '' then return nil end
  local last = call('GET', KEYS[1])
  if last and last:sub(1, #CALL + 1) == CALL .. ' ' then return cjson.decode(last:sub(#CALL + 2)) end
  return nil
end

local function remember(reply)
  if CALL ~= '' then call('SET', KEYS[1], CALL .. ' ' .. cjson.encode(reply), 'EX', 120) end
  return reply
end
