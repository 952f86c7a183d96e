/** Restate: its server keeps the journal, the steps run in a service in this process. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createRequire } from "node:module";
import { freePort } from "./free-port.ts";
import { type Open, load } from "./peer.ts";
import { answers } from "./postgres.ts";

interface Context {
  run(name: string, step: () => number): Promise<number>;
}
interface Sdk {
  service(options: object): object;
  serve(options: { readonly services: readonly object[]; readonly port: number }): Promise<number>;
  readonly RestatePromise: { all(promises: readonly Promise<number>[]): Promise<readonly number[]> };
}
type Call = (given: number, options?: object) => Promise<number>;
interface Clients {
  connect(options: { readonly url: string }): {
    serviceClient(of: { readonly name: string }): Readonly<Record<string, Call>>;
  };
  readonly rpc: { opts(options: object): object };
}

export const open: Open = async ({ packages, folder, step }) => {
  process.env["RESTATE_LOGGING"] = "ERROR";
  const sdk = await load<Sdk>(packages, "@restatedev/restate-sdk");
  const clients = await load<Clients>(packages, "@restatedev/restate-sdk-clients");
  const [ingress, admin, node, endpoint] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const manifest = createRequire(join(packages, "package.json")).resolve(
    "@restatedev/restate-server-linux-x64/package.json",
  );
  const server = spawn(join(manifest, "../bin/restate-server"), ["--base-dir", join(folder, "restate")], {
    stdio: "ignore",
    env: {
      PATH: process.env["PATH"],
      RESTATE_NODE_NAME: "bench",
      RESTATE_AUTO_PROVISION: "true",
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_DISABLE_TELEMETRY: "true",
      DO_NOT_TRACK: "1",
      RESTATE_LOG_FILTER: "error",
    },
  });
  const handlers = {
    chain: async (context: Context, steps: number): Promise<number> => {
      let sum = 0;
      for (let at = 0; at < steps; at++) sum += await context.run(`s${at}`, step);
      return sum;
    },
    fan: async (context: Context, width: number): Promise<number> => {
      const all = Array.from({ length: width }, (_, at) => context.run(`s${at}`, step));
      return (await sdk.RestatePromise.all(all)).length;
    },
  };
  await sdk.serve({ services: [sdk.service({ name: "bench", handlers })], port: endpoint });
  await Promise.all([answers(ingress), answers(admin)]);
  const registered = await fetch(`http://127.0.0.1:${admin}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri: `http://127.0.0.1:${endpoint}`, force: true }),
  });
  if (!registered.ok) throw new Error(`Restate refused the service: ${await registered.text()}`);
  const client = clients.connect({ url: `http://127.0.0.1:${ingress}` }).serviceClient({ name: "bench" });
  const call = async (name: string, id: string, given: number): Promise<void> => {
    await client[name]?.(given, clients.rpc.opts({ idempotencyKey: id }));
  };
  return {
    servers: [server.pid as number],
    chain: (id, steps) => call("chain", id, steps),
    fanOut: (id, width) => call("fan", id, width),
    close: async () => {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGKILL");
      await ended;
    },
  };
};
