-- Events of one call leave in one PUBLISH: records joined by RS, their fields by US.
-- JSON text holds neither byte; free text (failure reasons) is cleaned of them.
local events = {}

local function emit(name, id, arg)
  if arg then
    events[#events + 1] = name .. '\31' .. id .. '\31' .. arg
  else
    events[#events + 1] = name .. '\31' .. id
  end
end

local function emit_text(name, id, text)
  emit(name, id, (text:gsub('[\30\31]', ' ')))
end

local function publish_events()
  if #events > 0 then call('PUBLISH', BULL .. 'events', table.concat(events, '\30')) end
end
