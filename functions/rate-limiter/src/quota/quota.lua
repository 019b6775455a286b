-- One operation on every claim of a request: check all, then commit all. A denial and a peek write nothing.
-- quota/memory.rs does the same and is the oracle of the tests; quota/mod.rs says what each operation means.
--
-- KEYS     what the claims name below
-- ARGV[1]  take, peek, refund, reset or release
-- ARGV[2]  the client's clock, microseconds since 1970
-- ARGV[3]  1 where the client's clock counts, 0 where this server's does
-- ARGV[4]  the lease's name
-- ARGV[5]  refund: when the units were taken, or empty
-- then for each claim: algorithm, index of its key, field, quota, length, cost, 1 where it is enforced
--
--      algorithm           state                                          quota      length    cost
--   g  GCRA                in the identity's key: theoretical arrival     tolerance            charge   (microseconds)
--   w  fixed window        in the identity's key: end of window/units     units      window    units
--   s  sliding log         a list: the moment of each unit, ascending     units      window    units
--   l  leases              a sorted set: name of each lease by its end    leases     lifetime  1
--
-- An identity's key packs "<field> <moment>" or "<field> <moment>/<units>" for each of its rules. Value and expiry are
-- set in one command; the lists and sets get theirs within this script, which runs as a whole or not at all.
--
-- Answers {allowed, clock used, now, then for each claim: units in use, when it has room, when all quota is back}.

local call, max = redis.call, math.max
local operation, now, clock, lease, taken = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
if clock == 0 then
  local time = redis.pcall('TIME')
  if time.err then
    clock = 1
  else
    now = time[1] * 1000000 + time[2]
  end
end

-- Lua's own spelling of a number keeps 14 digits only.
local function digits(number)
  return string.format('%.0f', number)
end

local function expire(key, at)
  call('PEXPIRE', key, math.ceil((at - now) / 1000))
end

-- By index of an identity's key and by field: moments, and units of windows.
local moments, units = {}, {}

local function open(index)
  if not moments[index] then
    local at, used = {}, {}
    for field, moment, count in string.gmatch(call('GET', KEYS[index]) or '', '(%S+) (%d+)/?(%d*)') do
      moment = tonumber(moment)
      -- What lies in the past limits nobody.
      if moment > now then
        at[field], used[field] = moment, tonumber(count)
      end
    end
    moments[index], units[index] = at, used
  end
end

local function close(index)
  local packed, last = {}, now
  for field, moment in pairs(moments[index]) do
    if moment > now then
      local used = units[index][field]
      packed[#packed + 1] = field .. ' ' .. digits(moment) .. (used and '/' .. used or '')
      last = max(last, moment)
    end
  end
  if last > now then
    call('SET', KEYS[index], table.concat(packed, ' '), 'PX', math.ceil((last - now) / 1000))
  else
    call('DEL', KEYS[index])
  end
end

-- How many moments of a log are over: by doubling, then halving steps.
local function over(key, length, count)
  local gone, step = 0, 1
  while step >= 1 do
    if gone + step <= count and call('LINDEX', key, gone + step - 1) + length <= now then
      gone, step = gone + step, step * 2
    else
      step = math.floor(step / 2)
    end
  end
  return gone
end

-- Units in use, when the claim has room, when all quota is back.
local function read(claim)
  local kind, index, field = claim.kind, claim.index, claim.field
  if kind == 'g' then
    local arrival = max(moments[index][field] or 0, now)
    return 0, arrival + claim.cost - claim.quota, arrival
  elseif kind == 'w' then
    local ends, used = moments[index][field] or 0, units[index][field] or 0
    return used, used + claim.cost > claim.quota and ends or 0, ends
  elseif kind == 's' then
    local key, count = KEYS[index], call('LLEN', KEYS[index])
    local gone = over(key, claim.length, count)
    local used, room = count - gone, 0
    local missing = used + claim.cost - claim.quota
    claim.gone = gone
    if used == 0 then
      return 0, 0, 0
    end
    if missing > 0 then
      room = call('LINDEX', key, gone + missing - 1) + claim.length
    end
    return used, room, call('LINDEX', key, -1) + claim.length
  end
  local key, alive = KEYS[index], '(' .. digits(now)
  local held = call('ZCOUNT', key, alive, '+inf')
  if held == 0 then
    return 0, 0, 0
  end
  local first = tonumber(call('ZRANGEBYSCORE', key, alive, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
  local last = tonumber(call('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
  -- A lease of the same name is renewed, not taken a second time.
  local own = tonumber(call('ZSCORE', key, lease) or 0)
  local used = own > now and held - 1 or held
  return used, used < claim.quota and 0 or first, last
end

local function charge(claim)
  local kind, index, field, key = claim.kind, claim.index, claim.field, KEYS[claim.index]
  if kind == 'g' then
    moments[index][field] = claim.full + claim.cost
  elseif kind == 'w' then
    local ends, used = moments[index][field] or now - now % claim.length + claim.length, units[index][field] or 0
    moments[index][field], units[index][field] = ends, used + claim.cost
  elseif kind == 's' then
    if claim.gone > 0 then
      call('LTRIM', key, claim.gone, -1)
    end
    local at = max(now, claim.full - claim.length)
    -- In pieces: a call takes some thousand arguments.
    for done = 0, claim.cost - 1, 1000 do
      local piece = {}
      for unit = 1, math.min(1000, claim.cost - done) do
        piece[unit] = digits(at)
      end
      call('RPUSH', key, unpack(piece))
    end
    expire(key, at + claim.length)
  else
    call('ZREMRANGEBYSCORE', key, '-inf', digits(now))
    call('ZADD', key, digits(now + claim.length), lease)
    expire(key, max(claim.full, now + claim.length))
  end
end

local function refund(claim)
  local kind, index, field, key = claim.kind, claim.index, claim.field, KEYS[claim.index]
  local moment = kind ~= 's' and kind ~= 'l' and moments[index][field]
  if kind == 'g' and moment then
    local passed = taken and max(0, now - taken) or 0
    moments[index][field] = moment - max(0, claim.cost - passed)
  elseif kind == 'w' and moment then
    if not taken or taken - taken % claim.length + claim.length == moment then
      units[index][field] = max(0, units[index][field] - claim.cost)
      if units[index][field] == 0 then
        moments[index][field], units[index][field] = nil, nil
      end
    end
  elseif kind == 's' and taken then
    call('LREM', key, -claim.cost, digits(taken))
  elseif kind == 's' then
    local gone = over(key, claim.length, call('LLEN', key))
    -- The oldest: what stays is what limits longest.
    call('LTRIM', key, gone + claim.cost, -1)
  elseif kind == 'l' then
    call('ZREM', key, lease)
  end
end

local function change(claim)
  if operation == 'refund' then
    refund(claim)
  elseif operation == 'reset' and (claim.kind == 's' or claim.kind == 'l') then
    call('DEL', KEYS[claim.index])
  elseif operation == 'reset' then
    moments[claim.index][claim.field], units[claim.index][claim.field] = nil, nil
  elseif claim.kind == 'l' then
    call('ZREM', KEYS[claim.index], lease)
  end
end

local claims = {}
for at = 6, #ARGV, 7 do
  local claim = {
    kind = ARGV[at],
    index = tonumber(ARGV[at + 1]),
    field = ARGV[at + 2],
    quota = tonumber(ARGV[at + 3]),
    length = tonumber(ARGV[at + 4]),
    cost = tonumber(ARGV[at + 5]),
    enforced = ARGV[at + 6] == '1',
  }
  if claim.kind == 'g' or claim.kind == 'w' then
    open(claim.index)
  end
  claims[#claims + 1] = claim
end

local asks = operation == 'take' or operation == 'peek'
if not asks then
  for _, claim in ipairs(claims) do
    change(claim)
  end
end
local reply = {1, clock, now}
for _, claim in ipairs(claims) do
  local used, room, full = read(claim)
  claim.room, claim.full = max(room, now), max(full, now)
  if asks and claim.enforced and room > now then
    reply[1] = 0
  end
  reply[#reply + 1] = used
  reply[#reply + 1] = claim.room
  reply[#reply + 1] = claim.full
end
if operation == 'take' and reply[1] == 1 then
  for _, claim in ipairs(claims) do
    if claim.room <= now then
      charge(claim)
    end
  end
end
if operation ~= 'peek' and reply[1] == 1 then
  for index in pairs(moments) do
    close(index)
  end
end
return reply
