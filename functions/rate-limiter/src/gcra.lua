-- The generic cell rate algorithm over every rule of one request: check all, then commit all. A denial writes nothing.
--
-- KEYS     one for each identity; the value packs "<field> <theoretical arrival time>" pairs, in microseconds
-- ARGV[1]  the client's clock, microseconds since 1970
-- ARGV[2]  1 where the client's clock counts, 0 where this server's does
-- then for each rule: the index of its key, its field, its tolerance and what this request costs (microseconds both)
--
-- Answers {allowed, clock used, now, theoretical arrival time before this request for each rule}.
-- src/gcra.rs decides the same way and is the oracle of the tests.

local now, clock = tonumber(ARGV[1]), tonumber(ARGV[2])
if clock == 0 then
  local time = redis.pcall('TIME')
  if time.err then
    clock = 1
  else
    now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  end
end

local identities = {}
for index, key in ipairs(KEYS) do
  local arrivals = {}
  for field, arrival in string.gmatch(redis.call('GET', key) or '', '(%S+) (%S+)') do
    arrivals[field] = tonumber(arrival)
  end
  identities[index] = arrivals
end

local reply = {1, clock, now}
for rule = 3, #ARGV, 4 do
  local arrivals = identities[tonumber(ARGV[rule])]
  local arrival = math.max(arrivals[ARGV[rule + 1]] or 0, now)
  if arrival + tonumber(ARGV[rule + 3]) > now + tonumber(ARGV[rule + 2]) then
    reply[1] = 0
  end
  reply[#reply + 1] = arrival
end
if reply[1] == 0 then
  return reply
end

for rule = 3, #ARGV, 4 do
  local arrivals = identities[tonumber(ARGV[rule])]
  arrivals[ARGV[rule + 1]] = reply[4 + (rule - 3) / 4] + tonumber(ARGV[rule + 3])
end
for index, key in ipairs(KEYS) do
  local packed, last = {}, now
  for field, arrival in pairs(identities[index]) do
    -- What lies in the past limits nobody. Written with %.0f: Lua's own spelling keeps 14 digits only.
    if arrival > now then
      packed[#packed + 1] = field .. ' ' .. string.format('%.0f', arrival)
      last = math.max(last, arrival)
    end
  end
  -- Value and expiry in one command: no key is ever without one. It expires when the last rule is as good as new.
  redis.call('SET', key, table.concat(packed, ' '), 'PX', math.ceil((last - now) / 1000))
end
return reply
