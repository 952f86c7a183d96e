import { expect, it } from "vitest";
import { ManualClock } from "../../../clock/manual.ts";
import { Keyring } from "../../../model/sealed.ts";
import type { Desired, ProviderContext } from "../../../provider/provider.ts";
import { externalServers } from "./external.ts";

const keyring = new Keyring(new Uint8Array(32));
const context: ProviderContext = {
  clock: new ManualClock(),
  keyring,
  signal: new AbortController().signal,
  readSecret: () => undefined,
};
const server = { host: "db.test", user: "admin", password: keyring.seal("open sesame"), tls: true };
const servers = externalServers();

function desired(spec: object): Desired {
  return {
    identity: { kind: "Database", namespace: "default", name: "orders", uid: "1" },
    spec: { class: "external", location: "local", engine: "postgres", settings: {}, ...spec },
    status: undefined,
  };
}

it("a server that exists is reached where the declaration says, on its engine's usual port", async () => {
  expect(await servers.ensure(desired({ server }), context)).toEqual({
    host: "db.test",
    port: 5432,
    user: "admin",
    password: "open sesame",
    tls: true,
  });
});

it.each([
  ["spec.server", {}],
  ["spec.port", { server, port: 5433 }],
  ["spec.settings", { server, settings: { max_connections: 20 } }],
])("what it has no say in is refused, not left undone: %s", async (path, spec) => {
  const prospect = { namespace: "default", name: "orders", spec, folder: "/" };
  expect(await servers.obstacles?.(prospect)).toMatchObject([{ path }]);
  await expect(servers.ensure(desired(spec), context)).rejects.toMatchObject({ diagnostic: { path } });
});

it("what was made with such a declaration is still found, to be taken away", async () => {
  const spec = { server, settings: { max_connections: 20 } };
  expect(await servers.find(desired(spec), context)).toMatchObject({ host: "db.test" });
});
