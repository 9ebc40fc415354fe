-- A failed job runs again (Job.retry): attempts made stay, the stalled count starts anew, its priority is
-- honoured. Checked first: a refusal changes nothing.
--
-- KEYS[1]  call key
-- ARGV[5]  rq id
-- ARGV[6]  '1' if the job is lifo
-- Returns  {code, now ms}: 1 retried, 0 not failed, -1 no such job, -2 locked
-- Events   waiting
--- @include prelude
--- @include replay
--- @include events
--- @include place
--- @include locks
local id = ARGV[5]
local answered = replay()
if answered then return answered end
if call('EXISTS', JOB .. id) == 0 then return remember({ -1, now }) end
if is_locked(id) then return remember({ -2, now }) end
if call('ZREM', FAILED, id) == 0 then return remember({ 0, now }) end
call('HDEL', JOB .. id, 'fr', 'started_at', 'ended_at', 'sc')
call('HSET', JOB .. id, 'status', 'queued', 'enqueued_at', iso(now), 'rt', now)
call('PERSIST', JOB .. id)
local list = target_list()
place(list, id, tonumber(call('HGET', JOB .. id, 'priority')) or 0, ARGV[6] == '1')
if list == WAIT then wake() end
emit('waiting', id)
publish_events()
return remember({ 1, now })
