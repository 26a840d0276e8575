-- The generic cell rate algorithm: the key holds the theoretical arrival time, when all is refilled.
--
-- KEYS[1]  the bucket    ARGV  max_burst, count, period in seconds, quantity
-- Answers {limited, limit, remaining, retry_after, reset_after}, the seconds rounded up.
local limit, quantity = tonumber(ARGV[1]) + 1, tonumber(ARGV[4])
local interval_us = tonumber(ARGV[3]) * 1000000 / tonumber(ARGV[2])
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local arrival_us = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now_us)
local next_us = arrival_us + quantity * interval_us
local allowed_at_us = next_us - limit * interval_us
if allowed_at_us > now_us then
  local remaining = math.floor((now_us + limit * interval_us - arrival_us) / interval_us)
  return {1, limit, remaining, math.ceil((allowed_at_us - now_us) / 1000000),
          math.ceil((arrival_us - now_us) / 1000000)}
end
redis.call('SET', KEYS[1], string.format('%.0f', next_us), 'PX',
           math.ceil((next_us - now_us) / 1000))
return {0, limit, math.floor((now_us - allowed_at_us) / interval_us), -1,
        math.ceil((next_us - now_us) / 1000000)}
