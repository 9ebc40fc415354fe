-- Append a row to a job's log (Job.log).
--
-- KEYS[1]  call key
-- ARGV[5]  rq id
-- ARGV[6]  row
-- Returns  number of rows, or 0 if there is no such job
-- Events   none
--- @include prelude
--- @include replay
local answered = replay()
if answered then return answered[1] end
if call('EXISTS', JOB .. ARGV[5]) == 0 then return remember({ 0 })[1] end
call('SADD', LOGGED, ARGV[5])
return remember({ call('RPUSH', LOGS .. ARGV[5], ARGV[6]) })[1]
