/** What a machine printed on its console: plain lines, as they are kept where it is. They bear no times. */
import { TerminalError } from "../../provider/provider.ts";
import type { Answer, ApiContext, Call, ResourceTarget } from "../api-context.ts";
import { madeBy } from "../made-by.ts";
import { existing, parseCount } from "../read.ts";
import { badRequest, noSuchPath } from "../status-error.ts";
import { LogStream } from "./log.ts";

export async function consoleLog(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const { provider, desired } = madeBy(context, existing(context, target));
  if (provider.console === undefined) throw noSuchPath();
  if (call.query.get("follow") === "true") throw badRequest("The console of a machine cannot be followed.");
  const tail = call.query.get("tailLines");
  const count = tail === null ? undefined : parseCount(tail, "tailLines");
  const stream = new LogStream(context, call);
  try {
    const lines = (await provider.console(desired, { ...context, signal: stream.signal }))
      .trimEnd()
      .split("\n");
    stream.open("text/plain; charset=utf-8");
    for (const line of count === undefined ? lines : lines.slice(Math.max(0, lines.length - count)))
      if (!(await stream.write(`${line.replace(/\r$/, "")}\n`))) break;
    stream.end();
  } catch (error) {
    stream.end();
    if (error instanceof TerminalError) throw badRequest(error.message);
    throw error;
  }
  return undefined;
}
