-- What others still count on of a job that is taken away by hand.
local function forget_claims(id)
  local bucket = redis.pcall('HGET', JOB .. id, 'lp')
  if type(bucket) == 'string' then forget_put_off(id, bucket) end
end
