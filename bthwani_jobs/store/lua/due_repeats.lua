-- What the repeatables of a queue need from whoever is alive: debts that a dead worker left unpaid, and
-- registered chains that have neither a pending nor an active occurrence.
--
-- KEYS[1]  any key of the queue
-- ARGV[5]  age in ms from which a debt is somebody else's to pay
-- ARGV[6]  what rq ids of this queue begin with: enc(queue) .. '__'
-- Returns  {now ms, {debt, definition, …}, {repeat key, definition, …}}
-- Events   none
--- @include prelude
local REGISTRY, DEFINITIONS, OWED = BULL .. 'repeat', BULL .. 'repeat:definitions', BULL .. 'repeat:owed'
local debts, idle, owing = {}, {}, {}

for _, debt in ipairs(call('ZRANGE', OWED, 0, 999)) do owing[debt:match('^%d+|(.*)$') or ''] = true end
for _, debt in ipairs(call('ZRANGEBYSCORE', OWED, '-inf', now - tonumber(ARGV[5]), 'LIMIT', 0, 100)) do
  debts[#debts + 1] = debt
  debts[#debts + 1] = call('HGET', DEFINITIONS, debt:match('^%d+|(.*)$') or '') or ''
end
for _, key in ipairs(call('ZRANGE', REGISTRY, 0, -1)) do
  local text = call('HGET', DEFINITIONS, key)
  local ok, definition = pcall(cjson.decode, text or '')
  if not owing[key] and ok and type(definition) == 'table' and definition.stem then
    local id = definition.stem .. format('%.0f', call('ZSCORE', REGISTRY, key))
    if call('EXISTS', JOB .. id) == 0 then
      idle[#idle + 1] = key
      idle[#idle + 1] = text
    end
  end
end
return { now, debts, idle }
