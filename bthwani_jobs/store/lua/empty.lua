-- A batch of the waiting, paused and delayed jobs is deleted (Queue.empty); the pause stays as it is. What another
-- tool has scheduled is not ours.
--
-- KEYS[1]  call key
-- ARGV[5]  how many at the most
-- Returns  how many were deleted; fewer than asked: none are left
-- Events   none
--- @include prelude
--- @include replay
--- @include delete
--- @include put_off
--- @include claims
--- @include remove_any
local answered = replay()
if answered then return answered[1] end
local left = tonumber(ARGV[5])
left = left - pop_listed(WAIT, left)
left = left - pop_listed(PAUSED, left)
left = left - remove_range(DELAYED, FIRST, LAST, left)
return remember({ tonumber(ARGV[5]) - left })[1]
