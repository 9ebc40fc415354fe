-- Which jobs the rate limiter has put off: one set a bucket, and one of all as <rq id>:<bucket>. A bucket is a group
-- of the limiter, '' without groups; the job notes its own in the field `lp`.
local LIMITED = BULL .. 'limited'

local function note_put_off(id, bucket)
  call('SADD', LIMITED, id .. ':' .. bucket)
  call('SADD', LIMITED .. ':' .. bucket, id)
end

local function forget_put_off(id, bucket)
  call('SREM', LIMITED, id .. ':' .. bucket)
  call('SREM', LIMITED .. ':' .. bucket, id)
end
