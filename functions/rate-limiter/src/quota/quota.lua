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
-- Most requests take, from rates and windows: what the others need is kept in functions that are only made when called.
-- A claim is the place of its first argument.
--
-- Answers {allowed, clock used, now, then for each claim: units in use, when it has room, when all quota is back}.

-- Lua's own spelling of a number keeps 14 digits only: moments are written by `digits`.
local call, max, floor, digits = redis.call, math.max, math.floor, string.format
local operation, now, clock, lease = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
if clock == '0' then
  local time = redis.pcall('TIME')
  if time.err then
    clock = '1'
  else
    now = time[1] * 1000000 + time[2]
  end
end
-- Made as long as one claim needs.
local reply, size = {1, clock == '1' and 1 or 0, now, 0, 0, 0}, 3

-- Most requests take from rates of one identity that nothing else is remembered of: the same as below, in one pass, and
-- without a function, which would cost a tenth of it. Other requests leave by the break, with nothing written.
if operation == 'take' and ARGV[6] == 'g' and not KEYS[2] then
  local key, at, last, packed, known = KEYS[1], 1, now, nil, true
  local value = call('GET', key)
  for claim = 6, #ARGV, 7 do
    local field, moment, kept = ARGV[claim + 2], now, nil
    if value then
      local from = at + #field + 1
      local space = string.find(value, ' ', from, true)
      moment = string.sub(value, at, from - 1) == field .. ' ' and tonumber(string.sub(value, from, space and space - 1))
      at = space and space + 1 or #value + 1
    end
    if ARGV[claim] ~= 'g' or not moment then
      known = false
      break
    end
    local full = moment > now and moment or now
    local charged = full + ARGV[claim + 5]
    local room = charged - ARGV[claim + 3]
    if room <= now then
      room, kept = now, charged
    elseif ARGV[claim + 6] == '1' then
      reply[1] = 0
    elseif moment > now then
      kept = moment
    end
    if kept then
      local entry = field .. digits(' %.0f', kept)
      packed = packed and packed .. ' ' .. entry or entry
      last = kept > last and kept or last
    end
    reply[size + 1], reply[size + 2], reply[size + 3] = 0, room, full
    size = size + 3
  end
  if known and not (value and at <= #value) then
    if packed and reply[1] == 1 then
      call('SET', key, packed, 'PX', math.ceil((last - now) / 1000))
    end
    return reply
  end
  reply, size = {1, clock == '1' and 1 or 0, now}, 3
end

-- By index of an identity's key, then by field: moments, and units of windows.
local moments, units = {}, {}

local function open(index)
  local known = moments[index]
  if known then
    return known
  end
  known = {}
  moments[index] = known
  local value = call('GET', KEYS[tonumber(index)])
  if value then
    for field, moment, count in string.gmatch(value, '(%S+) (%d+)/?(%d*)') do
      moment = tonumber(moment)
      -- What lies in the past limits nobody.
      if moment > now then
        known[field] = moment
        if count ~= '' then
          units[index] = units[index] or {}
          units[index][field] = tonumber(count)
        end
      end
    end
  end
  return known
end

local function unit_count(index, field)
  return units[index] and units[index][field] or 0
end

-- Logs and leases: how they are read, charged and given back.
local read_own, charge_own, refund_own
local function make_own()
  -- How many moments of a log are over: by doubling, then halving steps.
  local function over(key, length, count)
    local gone, step = 0, 1
    while step >= 1 do
      if gone + step <= count and call('LINDEX', key, gone + step - 1) + length <= now then
        gone, step = gone + step, step * 2
      else
        step = floor(step / 2)
      end
    end
    return gone
  end

  local function expire(key, at)
    call('PEXPIRE', key, math.ceil((at - now) / 1000))
  end

  function read_own(claim, key, quota, length, cost)
    if ARGV[claim] == 's' then
      local count = call('LLEN', key)
      local gone = over(key, length, count)
      local used, room = count - gone, 0
      local missing = used + cost - quota
      if used == 0 then
        return 0, 0, 0
      end
      if missing > 0 then
        room = call('LINDEX', key, gone + missing - 1) + length
      end
      return used, room, call('LINDEX', key, -1) + length
    end
    local alive = '(' .. digits('%.0f', now)
    local held = call('ZCOUNT', key, alive, '+inf')
    if held == 0 then
      return 0, 0, 0
    end
    local first = tonumber(call('ZRANGEBYSCORE', key, alive, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
    local last = tonumber(call('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
    -- A lease of the same name is renewed, not taken a second time.
    local own = tonumber(call('ZSCORE', key, lease) or 0)
    local used = own > now and held - 1 or held
    return used, used < quota and 0 or first, last
  end

  -- What adds comes first: a server out of memory refuses the first write of a script that needs some, and only that.
  function charge_own(claim, key, length, cost, full)
    if ARGV[claim] == 's' then
      local gone = over(key, length, call('LLEN', key))
      local at = max(now, full - length)
      -- In pieces: a call takes some thousand arguments.
      for done = 0, cost - 1, 1000 do
        local piece = {}
        for unit = 1, math.min(1000, cost - done) do
          piece[unit] = digits('%.0f', at)
        end
        call('RPUSH', key, unpack(piece))
      end
      call('LTRIM', key, gone, -1)
      expire(key, at + length)
    else
      call('ZADD', key, digits('%.0f', now + length), lease)
      call('ZREMRANGEBYSCORE', key, '-inf', digits('%.0f', now))
      expire(key, max(full, now + length))
    end
  end

  function refund_own(claim, key, length, cost, taken)
    if ARGV[claim] == 'l' then
      call('ZREM', key, lease)
    elseif taken then
      call('LREM', key, -cost, digits('%.0f', taken))
    else
      -- The oldest: what stays is what limits longest.
      call('LTRIM', key, over(key, length, call('LLEN', key)) + cost, -1)
    end
  end
end

local function has_own_key(claim)
  local is_own = ARGV[claim] == 's' or ARGV[claim] == 'l'
  if is_own and not read_own then
    make_own()
  end
  return is_own
end

-- Operations that ask for nothing.
local function change_all()
  local taken = tonumber(ARGV[5])
  for claim = 6, #ARGV, 7 do
    local kind, index, field = ARGV[claim], ARGV[claim + 1], ARGV[claim + 2]
    local key, length, cost = KEYS[tonumber(index)], tonumber(ARGV[claim + 4]), tonumber(ARGV[claim + 5])
    if has_own_key(claim) then
      if operation == 'reset' then
        call('DEL', key)
      elseif operation == 'refund' then
        refund_own(claim, key, length, cost, taken)
      elseif kind == 'l' then
        call('ZREM', key, lease)
      end
    else
      local known = open(index)
      local moment = known[field]
      if operation == 'reset' then
        known[field] = nil
      elseif operation == 'refund' and moment and kind == 'g' then
        local passed = taken and max(0, now - taken) or 0
        known[field] = moment - max(0, cost - passed)
      elseif operation == 'refund' and moment then
        if not taken or taken - taken % length + length == moment then
          units[index][field] = unit_count(index, field) - cost
        end
        if units[index][field] <= 0 then
          known[field] = nil
        end
      end
      if not known[field] and units[index] then
        units[index][field] = nil
      end
    end
  end
end

local asks = operation == 'take' or operation == 'peek'
if not asks then
  change_all()
end

for claim = 6, #ARGV, 7 do
  local kind, index, field = ARGV[claim], ARGV[claim + 1], ARGV[claim + 2]
  local quota, cost = tonumber(ARGV[claim + 3]), tonumber(ARGV[claim + 5])
  local used, room, full = 0, 0, 0
  if kind == 'g' then
    full = max(open(index)[field] or 0, now)
    room = full + cost - quota
  elseif kind == 'w' then
    full = open(index)[field] or 0
    used = unit_count(index, field)
    room = used + cost > quota and full or 0
  elseif has_own_key(claim) then
    used, room, full = read_own(claim, KEYS[tonumber(index)], quota, tonumber(ARGV[claim + 4]), cost)
  end
  if asks and room > now and ARGV[claim + 6] == '1' then
    reply[1] = 0
  end
  reply[size + 1], reply[size + 2], reply[size + 3] = used, max(room, now), max(full, now)
  size = size + 3
end
if operation == 'peek' or reply[1] == 0 then
  return reply
end

if operation == 'take' then
  local place = 3
  for claim = 6, #ARGV, 7 do
    local kind, index, field, cost = ARGV[claim], ARGV[claim + 1], ARGV[claim + 2], tonumber(ARGV[claim + 5])
    local full = reply[place + 3]
    if reply[place + 2] > now then
      -- A rule in shadow that has no room: nothing to charge.
    elseif kind == 'g' then
      moments[index][field] = full + cost
    elseif kind == 'w' then
      local length = tonumber(ARGV[claim + 4])
      moments[index][field] = moments[index][field] or now - now % length + length
      units[index] = units[index] or {}
      units[index][field] = reply[place + 1] + cost
    else
      charge_own(claim, KEYS[tonumber(index)], tonumber(ARGV[claim + 4]), cost, full)
    end
    place = place + 3
  end
end

for index, known in pairs(moments) do
  local key, packed, last, counts = KEYS[tonumber(index)], nil, now, units[index]
  for field, moment in pairs(known) do
    if moment > now then
      local entry = field .. digits(' %.0f', moment)
      if counts and counts[field] then
        entry = entry .. '/' .. counts[field]
      end
      packed = packed and packed .. ' ' .. entry or entry
      last = max(last, moment)
    end
  end
  if packed then
    -- Value and expiry in one command: no key is ever without one. It expires when its last rule is as good as new.
    call('SET', key, packed, 'PX', math.ceil((last - now) / 1000))
  else
    call('DEL', key)
  end
end
return reply
