-- A stock RQ worker is about to run one of our jobs through the entry function: what activation writes besides
-- what RQ wrote itself.
--
-- KEYS[1]  any key of the queue
-- ARGV[5]  rq id
-- Returns  the job's hash as a flat list
-- Events   active
--- @include prelude
--- @include events
local id = ARGV[5]
local row = call('HMGET', JOB .. id, 'pm', 'rk', 'am')
if row[1] then call('ZREM', PRIO, row[1]) end
if row[2] and (row[3] or '0') == '0' then call('ZADD', BULL .. 'repeat:owed', now, row[2]) end
emit('active', id)
publish_events()
return call('HGETALL', JOB .. id)
