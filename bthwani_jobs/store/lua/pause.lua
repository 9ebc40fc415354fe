-- Pause the queue everywhere (Queue.pause): the list is renamed, so stock workers obey too. What already lies
-- in the paused list stays ahead (Bull overwrites it).
--
-- KEYS[1]  any key of the queue
-- Returns  1
-- Events   paused
--- @include prelude
--- @include events
call('SET', PAUSE, '1')
call('DEL', MARKER)
if call('EXISTS', PAUSED) == 0 then
  if call('EXISTS', WAIT) == 1 then call('RENAME', WAIT, PAUSED) end
else
  while call('LMOVE', WAIT, PAUSED, 'LEFT', 'RIGHT') do end
end
emit('paused', '')
publish_events()
return 1
