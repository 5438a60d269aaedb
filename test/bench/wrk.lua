-- Prints what wrk saw as one line of JSON, times in microseconds. Its arguments say what is asked for, where it is not always
-- the same: "distinct", a length and a number: each time an object of that length that nobody has asked for before, from that
-- number on; "among", a length and a number: one of so many objects, by chance.

function init(args)
  local kind, length, number = args[1], args[2], tonumber(args[3])
  if kind == nil then return end
  request = function()
    local seed = number + 1
    if kind == "distinct" then number = seed else seed = math.random(number) end
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
