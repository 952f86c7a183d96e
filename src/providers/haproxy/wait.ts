/**
 * What a request does while no server of its backend is ready: HAProxy itself would answer 503 at once. The script looks
 * at the count again and again; it runs for such requests only. A worker that is about to end waits no more: it is told of
 * no servers, and passes on what it has (configuration.ts, C4).
 */
import { FILES } from "./layout.ts";

export const WAIT_ACTION = "wait_for_server";
/** A command of a worker's: the backends for which somebody waits at this moment, a line each. */
export const WAITING = "tutti waiting";
/** Until the worker knows its clients; it goes on without them when nobody tells it for so many milliseconds. */
export const LEARN_ACTION = "wait_for_clients";
export const LEARN_PATIENCE = 3_000;

export const waitScript = `
local function isTrue(value)
  return value == true or value == 1
end

-- By backend: when somebody waited last. Who goes away in between tells nobody, so there is no count.
local waited = {}

local function milliseconds()
  local now = core.now()
  return now.sec * 1000 + math.floor(now.usec / 1000)
end

core.register_cli({ "tutti", "waiting" }, "tutti waiting : backends for which somebody waits", function(applet)
  local since = milliseconds() - 100
  for backend, time in pairs(waited) do
    if time > since then applet:send(backend .. "\\n") end
  end
end)

core.register_action("${WAIT_ACTION}", { "http-req", "tcp-req" }, function(txn, backend, patience)
  local left = tonumber(patience)
  while left > 0 and txn.f:nbsrv(backend) == 0 and not isTrue(txn.f:stopping()) do
    waited[backend] = milliseconds()
    core.msleep(10)
    left = left - 10
  end
  waited[backend] = nil
end, 2)

local learnt = Map.new("${FILES.learnt}", Map._str)

core.register_action("${LEARN_ACTION}", { "http-req" }, function(txn)
  local left = ${LEARN_PATIENCE}
  while left > 0 and learnt:lookup("yes") == nil do
    core.msleep(10)
    left = left - 10
  end
end, 0)
`;
