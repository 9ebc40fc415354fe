-- Many entries out of a list: marked by their position and removed in one pass, where an LREM for each would walk
-- the list as often.
local MARK, SPAN = '\0gone', 1000

local function remove_marked(list)
  call('LREM', list, 0, MARK)
end

-- doomed: a table whose keys are the ids.
local function unlist(list, doomed)
  if next(doomed) == nil then return end
  for start = 0, call('LLEN', list) - 1, SPAN do
    for index, id in ipairs(call('LRANGE', list, start, start + SPAN - 1)) do
      if doomed[id] then call('LSET', list, start + index - 1, MARK) end
    end
  end
  remove_marked(list)
end
