-- Move due delayed jobs to the list: what the scheduler process and an idle or paused worker call.
-- Without a lock: any number of movers may run at once, and one that dies loses and doubles nothing.
--
-- KEYS[1]  any key of the queue
-- ARGV[5]  how many at the most
-- Returns  {now ms, next due ms or '', moved ids}
-- Events   waiting
--- @include prelude
--- @include events
--- @include place
--- @include due
local list = target_list()
local moved = move_due(list, tonumber(ARGV[5]))
if list == WAIT and #moved > 0 then wake() end
publish_events()
return { now, next_due(), moved }
