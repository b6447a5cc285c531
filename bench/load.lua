-- The load: reservations by random users, or reads, of SKUs drawn from the first `skus`; or the
-- menu, asked for by a client that has it.
-- Arguments: "reserve" or "read", seed, SKUs, users, seconds to live; or "menu", seed, its ETag.
-- The last line of its output is what the bench reads.

local reserves, skus, users, ttl, menu

function init(args)
  if args[1] == "menu" then
    menu = wrk.format(nil, "/api/v1/menu", { ["If-None-Match"] = args[3] })
    return
  end
  reserves = args[1] == "reserve"
  skus, users, ttl = tonumber(args[3]), tonumber(args[4]), tonumber(args[5])
  math.randomseed(tonumber(args[2]))
  if reserves then
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
  end
end

function request()
  if menu then return menu end
  local path = string.format("/api/v1/stores/BENCH/inventory/SKU%04d", math.random(0, skus - 1))
  if not reserves then return wrk.format(nil, path) end
  local user = math.random(0, users - 1)
  local body = string.format('{"qty":1,"userId":"user-%06d","ttlSeconds":%d}', user, ttl)
  return wrk.format(nil, path .. "/reserve", nil, body)
end

-- `errors.status` counts every answer of 400 and above. Looking at each answer here would cost
-- more than sending its request.
function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%d,"p95_us":%d,"p99_us":%d,"max_us":%d,'
      .. '"refused":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(95), latency:percentile(99), latency.max,
    e.status, e.connect, e.read, e.write, e.timeout
  ))
end
