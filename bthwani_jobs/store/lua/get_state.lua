-- Bull's state of a job, read at one moment: completed, failed, delayed, active, waiting, paused, else stuck.
--
-- KEYS[1]  any key of the queue
-- ARGV[5]  rq id
-- Returns  the state's name
-- Events   none
--- @include prelude
local id = ARGV[5]
if call('ZSCORE', COMPLETED, id) then return 'completed' end
if call('ZSCORE', FAILED, id) then return 'failed' end
if call('ZSCORE', DELAYED, id) then return 'delayed' end
local row = call('HMGET', JOB .. id, 'tk', 'status')
local token = row[1] or ''
if token ~= '' and call('ZSCORE', ACTIVE, id .. ':' .. token) then return 'active' end
if token == '' and row[2] == 'started' and call('EXISTS', PREFIX .. ':executions:' .. id) == 1 then return 'active' end
if call('LPOS', WAIT, id) then return 'waiting' end
if call('LPOS', PAUSED, id) then return 'paused' end
return 'stuck'
