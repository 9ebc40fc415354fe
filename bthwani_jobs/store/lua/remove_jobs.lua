-- Many jobs leave every list and set (Queue.remove_jobs); locked ones stay, without a word.
--
-- KEYS[1]  call key
-- ARGV[5]  number of jobs, then their rq ids
-- Returns  rq ids of those removed
-- Events   none
--- @include prelude
--- @include replay
--- @include delete
--- @include put_off
--- @include claims
--- @include locks
--- @include remove
--- @include unlist
local answered = replay()
if answered then return answered end
local removed, listed = {}, {}
for index = 6, 5 + tonumber(ARGV[5]) do
  local id = ARGV[index]
  if call('EXISTS', JOB .. id) == 1 and is_free(id) then
    if drop(id) then listed[id] = true end
    removed[#removed + 1] = id
  end
end
unlist(WAIT, listed)
unlist(PAUSED, listed)
return remember(removed)
