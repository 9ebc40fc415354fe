-- A delayed job becomes waiting now (Job.promote).
--
-- KEYS[1]  call key
-- ARGV[5]  rq id
-- Returns  1 promoted, 0 not in delayed
-- Events   waiting
--- @include prelude
--- @include replay
--- @include events
--- @include place
local id = ARGV[5]
local answered = replay()
if answered then return answered[1] end
if call('ZREM', DELAYED, id) == 0 then return remember({ 0 })[1] end
local row = call('HMGET', JOB .. id, 'priority')
call('HSET', JOB .. id, 'status', 'queued')
call('HDEL', JOB .. id, 'delay')
local list = target_list()
place(list, id, tonumber(row[1]) or 0, false)
if list == WAIT then wake() end
emit('waiting', id)
publish_events()
return remember({ 1 })[1]
