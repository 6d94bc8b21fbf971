-- What Debian's wrk asks, and what it says at the end: wrk … -s wrk.lua URL -- BODY_FILE [AUTHORIZATION]
function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  wrk.method, wrk.body = "POST", file:read("*a")
  file:close()
  wrk.headers["Content-Type"] = "application/json"
  if arguments[2] and arguments[2] ~= "" then wrk.headers["Authorization"] = arguments[2] end
  asked = wrk.format()
end

function request() return asked end

function done(summary, latency, _)
  local errors, failed = summary.errors, 0
  for _, kind in ipairs({"connect", "read", "write", "status", "timeout"}) do failed = failed + errors[kind] end
  io.write(string.format(
    '\n{"requests": %d, "failed": %d, "rate": %.3f, "p50": %.3f, "p99": %.3f}\n', summary.requests, failed,
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
