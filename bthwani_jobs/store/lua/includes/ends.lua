-- What each kind of end of a run writes. at = where in ARGV the run's ten values begin (see step.lua).

-- Emptied rather than deleted: one command less, and what RQ itself leaves.
local function write_end(id, ...)
  call('HSET', JOB .. id, 'worker_name', '', 'tk', '', ...)
end

local function write_failure(id, status, at, ended_at)
  write_end(id, 'status', status, 'fr', ARGV[at + 3], 'st', ARGV[at + 4], 'am', ARGV[at + 7], 'ended_at', ended_at)
end

local function put_back(id, priority, lifo)
  local list = target_list()
  place(list, id, priority, lifo)
  if list == WAIT then wake() end
end

local ENDS = {
  complete = function(id, at)
    write_end(id, 'status', 'finished', 'ended_at', date(), 'rv', ARGV[at + 3])
    enter_finished(COMPLETED, 'finished', id, ARGV[at + 5])
    emit('completed', id, ARGV[at + 3])
  end,
  fail = function(id, at)
    write_failure(id, 'failed', at, date())
    enter_finished(FAILED, 'failed', id, ARGV[at + 5])
    emit_text('failed', id, ARGV[at + 3])
  end,
  retry = function(id, at)
    write_failure(id, 'queued', at, '')
    put_back(id, tonumber(ARGV[at + 8]), ARGV[at + 9]:find('l', 1, true))
  end,
  delay = function(id, at)
    write_failure(id, 'scheduled', at, '')
    delay_job(id, now + tonumber(ARGV[at + 6]))
  end,
  give_back = function(id)
    write_end(id, 'status', 'queued', 'started_at', '')
    local row = call('HMGET', JOB .. id, 'priority', 'pm')
    if row[1] and row[2] then call('ZADD', PRIO, row[1], row[2]) end -- as if it had never been taken
    put_back(id, 0, true)
  end,
}
