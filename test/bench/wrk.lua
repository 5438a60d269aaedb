-- Prints what wrk saw as one line of JSON, times in microseconds. With a length and a first number as arguments, every
-- request is for an object of that length that nobody has asked for before.

function init(args)
  local length, seed = args[1], tonumber(args[2])
  if length == nil then return end
  request = function()
    seed = seed + 1
    return wrk.format("GET", string.format("/%d-%s-0-0.ts", seed, length))
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"micros":%d,"p50":%d,"p99":%d,"errors":%d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
