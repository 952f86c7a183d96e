/** The embedded DNS server as a process: `node main.ts --socket <path> --state <file>`. It runs until SIGTERM. */
import { parseArgs } from "node:util";
import { serveControl } from "./control.ts";
import { DnsServer } from "./server.ts";

const { values } = parseArgs({ options: { socket: { type: "string" }, state: { type: "string" } } });
if (values.socket === undefined || values.state === undefined) {
  process.stderr.write("usage: node main.ts --socket <path> --state <file>\n");
  process.exit(2);
}
try {
  const dns = new DnsServer(values.state);
  await dns.start();
  const control = await serveControl(dns, values.socket);
  const end = (): void => {
    dns.close();
    control.close(() => process.exit(0)); // removes the socket
    control.closeAllConnections();
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
} catch (error) {
  process.stderr.write(`The DNS server cannot start: ${(error as Error).message}\n`);
  process.exit(1);
}
