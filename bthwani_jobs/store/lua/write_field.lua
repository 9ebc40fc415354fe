-- Job.update, Job.progress and the outcome of a stock run: one field of a job that still exists, in any state.
--
-- KEYS[1]  any key of the queue
-- ARGV[5]  rq id
-- ARGV[6]  field: d (payload), pg (progress), rv (result) or fr (failure reason)
-- ARGV[7]  JSON text; for fr plain text
-- Returns  1 written, 0 no such job
-- Events   progress (for pg)
--- @include prelude
--- @include events
local id, field, text = ARGV[5], ARGV[6], ARGV[7]
if call('EXISTS', JOB .. id) == 0 then return 0 end
call('HSET', JOB .. id, field, text)
if field == 'pg' then emit('progress', id, text) end
publish_events()
return 1
