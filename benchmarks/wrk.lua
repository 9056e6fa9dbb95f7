-- Sends the requests of a file in turn, each of which stands there after its length, and tells what came of it
-- as JSON. There is no response function, as that would make wrk slow.

local requests, turn = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local size = file:read("*n")
    if not size then break end
    file:read(1)
    requests[#requests + 1] = file:read(size)
  end
  file:close()
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local wrong = summary.errors
  io.write(string.format(
    '\n{"calls": %d, "microseconds": %d, "errors": %d, "p99": %d}\n', summary.requests, summary.duration,
    wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout, latency:percentile(99)))
end
