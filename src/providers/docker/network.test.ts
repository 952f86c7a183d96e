/** Networks of class `docker`, on a real engine. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformanceContext as context, providerConformance } from "../../provider/conformance.ts";
import { type Desired, TerminalError } from "../../provider/provider.ts";
import { Engine } from "./engine.ts";
import { type Daemon, IMAGE, startDaemon } from "./fixtures/daemon.ts";
import { DockerNetworks } from "./network.ts";
import { networkName } from "./resource-names.ts";

const HOME = "home-of-network-tests";

let daemon: Daemon;
let engine: Engine;
let networks: DockerNetworks;

beforeAll(async () => {
  daemon = await startDaemon();
  engine = new Engine({ endpoint: daemon.endpoint });
  networks = new DockerNetworks(engine, HOME);
});

afterAll(async () => {
  engine?.close();
  await daemon?.close();
});

function desired(name: string, spec: object = {}): Desired {
  return {
    identity: { kind: "Network", namespace: "default", name, uid: `uid-of-${name}` },
    spec: { class: "docker", location: "docker", ...spec },
    status: undefined,
  };
}

/** Free among the networks that test files side by side make. */
function range(third: number): string {
  return `192.168.${third}.${(process.pid % 16) * 16}/28`;
}

async function join(network: Desired, ...command: readonly string[]): Promise<string> {
  const container = await daemon.docker.createContainer({
    Image: IMAGE,
    ...(command.length === 0 ? {} : { Cmd: [...command] }),
    HostConfig: { NetworkMode: networkName(HOME, network.identity) },
  });
  await container.start();
  return container.id;
}

async function leave(id: string): Promise<void> {
  await daemon.docker.getContainer(id).remove({ force: true });
}

async function refusal(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => expect.fail("it was not refused"),
    (error: Error) => error,
  );
}

providerConformance("Network of class docker", {
  open: () =>
    Promise.resolve({
      provider: networks,
      reopen: () => Promise.resolve(new DockerNetworks(engine, HOME)),
      cleanup: async () => {
        await networks.remove(desired("shop"), context);
      },
    }),
  desired: desired("shop"),
  holdsNoData: "a network holds no data",
  takeAway: ({ identity }) => daemon.docker.getNetwork(networkName(HOME, identity)).remove(),
});

describe("a network", () => {
  it("is made once when asked for at the same time", async () => {
    const network = desired("at-once");
    await Promise.all([networks.ensure(network, context), networks.ensure(network, context)]);
    const name = networkName(HOME, network.identity);
    expect(await daemon.docker.listNetworks({ filters: { name: [name] } })).toHaveLength(1);
    await networks.remove(network, context);
  });

  it("is not that of another control plane on the same engine", async () => {
    const network = desired("two-homes");
    const other = new DockerNetworks(engine, "another-home");
    await networks.ensure(network, context);
    expect(await other.observe(network, context)).toBeUndefined();
    await other.remove(network, context);
    expect(await networks.observe(network, context)).toBeDefined();
    await networks.remove(network, context);
  });

  it("has the range that it is given, and the host's address in it", async () => {
    const network = desired("ranged", { cidr: range(240) });
    const { outputs } = await networks.ensure(network, context);
    expect(String(outputs["host"])).toMatch(/^192\.168\.240\.\d+$/);
    await networks.remove(network, context);
  });

  it("gets another range when nobody uses it, and not before", async () => {
    const before = desired("moved", { cidr: range(241) });
    const after = desired("moved", { cidr: range(242) });
    await networks.ensure(before, context);
    const user = await join(before);
    expect((await refusal(networks.ensure(after, context))).message).toMatch(
      /is in use by \w+\. It gets another range of addresses as soon as nobody uses it\.$/,
    );
    await leave(user);
    const { outputs } = await networks.ensure(after, context);
    expect(String(outputs["host"])).toMatch(/^192\.168\.242\./);
    await networks.remove(after, context);
  });

  it("that is in use is not removed: who uses it is said, and when they are gone it goes", async () => {
    const network = desired("used");
    await networks.ensure(network, context);
    const user = await join(network);
    const { Name } = await daemon.docker.getContainer(user).inspect();
    const error = await refusal(networks.remove(network, context));
    expect(error).not.toBeInstanceOf(TerminalError);
    expect(error.message).toContain(`is in use by ${Name.slice(1)}.`);
    await leave(user);
    await networks.remove(network, context);
    expect(await networks.observe(network, context)).toBeUndefined();
  });

  it("whose range overlaps with another one's is refused", async () => {
    const first = desired("first", { cidr: range(243) });
    await networks.ensure(first, context);
    const error = await refusal(networks.ensure(desired("second", { cidr: range(243) }), context));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/overlaps with that of another network/);
    await networks.remove(first, context);
  });

  it("whose range is none is refused while a plan is made, and by the engine", async () => {
    const spec = { cidr: "ten-one" };
    const prospect = { namespace: "default", name: "odd", spec, folder: "/" };
    expect(await networks.obstacles(prospect)).toMatchObject([{ code: "InvalidRange", path: "spec.cidr" }]);
    expect(await refusal(networks.ensure(desired("odd", { cidr: "10.1.0.0/77" }), context))).toBeInstanceOf(
      TerminalError,
    );
  });

  it("of a name that somebody else has taken is refused, and left alone", async () => {
    const network = desired("taken");
    const name = networkName(HOME, network.identity);
    const theirs = await daemon.docker.createNetwork({ Name: name, Driver: "bridge" });
    expect((await refusal(networks.ensure(network, context))).message).toMatch(
      /not made by this control plane/,
    );
    expect(await refusal(networks.remove(network, context))).toBeInstanceOf(TerminalError);
    await theirs.remove();
  });

  it("is an ordinary error away while the engine does not answer", async () => {
    const away = new DockerNetworks(new Engine({ endpoint: "unix:///nowhere/docker.sock" }), HOME);
    const error = await refusal(away.ensure(desired("shop"), context));
    expect(error).not.toBeInstanceOf(TerminalError);
    expect(error.message).toBe(
      "The Docker engine at unix:///nowhere/docker.sock does not answer (connect ENOENT /nowhere/docker.sock).",
    );
  });
});
