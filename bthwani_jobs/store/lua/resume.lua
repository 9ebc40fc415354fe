-- Resume a paused queue (Queue.resume): paused jobs go ahead of what stock tools pushed meanwhile.
--
-- KEYS[1]  any key of the queue
-- Returns  1
-- Events   resumed
--- @include prelude
--- @include events
--- @include place
call('DEL', PAUSE)
if call('EXISTS', WAIT) == 0 then
  if call('EXISTS', PAUSED) == 1 then call('RENAME', PAUSED, WAIT) end
else
  while call('LMOVE', PAUSED, WAIT, 'RIGHT', 'LEFT') do end
end
if call('EXISTS', WAIT) == 1 then wake() end
emit('resumed', '')
publish_events()
return 1
