-- The load: reservations by random users, of SKUs drawn from the first `skus`.
-- Arguments: seed, SKUs, users, seconds to live.
-- The last line of its output is what the bench reads.

local seed, skus, users, ttl

function init(args)
  seed, skus, users, ttl = tonumber(args[1]), tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  math.randomseed(seed)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  local sku = math.random(0, skus - 1)
  local user = math.random(0, users - 1)
  return wrk.format(
    nil,
    string.format("/api/v1/stores/BENCH/inventory/SKU%04d/reserve", sku),
    nil,
    string.format('{"qty":1,"userId":"user-%06d","ttlSeconds":%d}', user, ttl)
  )
end

-- `errors.status` counts every answer of 400 and above. Looking at each answer here would cost
-- more than sending its request.
function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%d,"p90_us":%d,"p99_us":%d,"max_us":%d,'
      .. '"refused":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max,
    e.status, e.connect, e.read, e.write, e.timeout
  ))
end
