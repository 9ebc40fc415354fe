-- Unregister a repeatable with its pending occurrence (Queue.remove_repeatable). An occurrence that is already
-- waiting or running still runs; nothing follows it.
--
-- KEYS[1]  call key
-- ARGV[5]  repeat key
-- Returns  1 removed, 0 no such key
-- Events   none
--- @include prelude
--- @include replay
--- @include delete
--- @include put_off
--- @include claims
local answered = replay()
if answered then return answered[1] end
local REGISTRY, DEFINITIONS = BULL .. 'repeat', BULL .. 'repeat:definitions'
local next = call('ZSCORE', REGISTRY, ARGV[5])
if not next then return remember({ 0 })[1] end
local ok, definition = pcall(cjson.decode, call('HGET', DEFINITIONS, ARGV[5]) or '')
if ok and type(definition) == 'table' and definition.stem then
  local id = definition.stem .. format('%.0f', next)
  if call('ZREM', DELAYED, id) == 1 then
    forget_claims(id)
    delete_job(id)
  end
end
call('ZREM', REGISTRY, ARGV[5])
call('HDEL', DEFINITIONS, ARGV[5])
return remember({ 1 })[1]
