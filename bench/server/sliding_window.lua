-- A sliding window: a sorted set of the times at which requests were allowed.
--
-- KEYS[1]  the set       ARGV  limit, window in milliseconds
-- Answers {limited, limit, remaining}. Memory: one member for each request in the window.
local limit, window_us = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now_us - window_us)
local used = redis.call('ZCARD', KEYS[1])
if used >= limit then
  return {1, limit, 0}
end
redis.call('ZADD', KEYS[1], now_us, now_us)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {0, limit, limit - used - 1}
