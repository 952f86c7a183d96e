/** How engines are reached: sockets, TLS, SSH; and what is said when they are not. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../provider/ports.ts";
import { TerminalError } from "../../provider/provider.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import { type Daemon, IMAGE, startDaemon } from "./fixtures/daemon.ts";
import { type SshHost, startSshHost } from "./fixtures/ssh-host.ts";
import { type TlsFiles, makeAuthority } from "./fixtures/tls.ts";

let folder: string;
let daemon: Daemon;
let host: SshHost;
let tcp: string;
let client: TlsFiles;
let clientFolder: string;
let strangers: TlsFiles;
let opened: Engine[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-engine-"));
  const authority = makeAuthority(join(folder, "authority"));
  ({ client, clientFolder } = authority);
  strangers = makeAuthority(join(folder, "strangers")).client;
  tcp = `tcp://127.0.0.1:${await freePort({ seed: folder })}`;
  daemon = await startDaemon({ args: ["-H", tcp, ...authority.engineArgs] });
  host = await startSshHost(daemon.endpoint);
});

afterAll(async () => {
  await Promise.all([host?.close(), daemon?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

afterEach(() => {
  for (const engine of opened) engine.close();
  opened = [];
});

function open(options: EngineOptions): Engine {
  const engine = new Engine(options);
  opened.push(engine);
  return engine;
}

async function refusal(options: EngineOptions): Promise<Error> {
  return open(options)
    .describe()
    .then(
      () => expect.fail("it was not refused"),
      (error: Error) => error,
    );
}

describe("an engine on a socket", () => {
  it("says what it is, and that it is of this machine", async () => {
    const engine = open({ endpoint: daemon.endpoint });
    expect(await engine.describe()).toMatch(/^Docker \d+\.\d+\.\S+, API \d+\.\d+$/);
    expect([engine.isLocal, engine.address]).toEqual([true, "127.0.0.1"]);
  });

  it("is the one of $DOCKER_HOST when nothing else is said", async () => {
    expect(await open({ env: { DOCKER_HOST: daemon.endpoint } }).describe()).toMatch(/^Docker/);
    expect(open({ env: {} }).endpoint).toMatch(/^unix:\/\/.*\.sock$/);
  });

  it("that does not answer is an error in words, and not for long", async () => {
    const engine = open({ endpoint: daemon.endpoint });
    daemon.freeze();
    await expect(engine.describe({ within: 100 })).rejects.toThrow(
      `The Docker engine at ${daemon.endpoint} does not answer (no answer within 0.1 s).`,
    );
    await expect(engine.describe({ signal: AbortSignal.timeout(50) })).rejects.toThrow(/aborted/);
    daemon.thaw();
    expect(await engine.describe()).toMatch(/^Docker/);
  });

  it("that is not there is an error in words", async () => {
    expect((await refusal({ endpoint: "unix:///nowhere.sock" })).message).toBe(
      "The Docker engine at unix:///nowhere.sock does not answer (connect ENOENT /nowhere.sock).",
    );
  });

  it("that is not there stands against what is declared, with what to do; one that is does not", () => {
    expect(open({ endpoint: "unix:///nowhere.sock" }).absence()).toMatchObject([
      {
        code: "EngineMissing",
        message: "There is no container engine at unix:///nowhere.sock.",
        hint: "Start Docker or Podman, or declare a Location with the address of another engine.",
      },
    ]);
    expect(open({ endpoint: daemon.endpoint }).absence()).toEqual([]);
  });

  it("at no address at all is refused", () => {
    expect(() => open({ endpoint: "tcp://" })).toThrow("'tcp://' is not the address of a container engine.");
  });
});

describe("an engine behind TLS", () => {
  it("is reached with a certificate that it trusts, under its host's address", async () => {
    const engine = open({ endpoint: tcp, tls: client });
    expect(await engine.describe()).toMatch(/^Docker/);
    expect([engine.isLocal, engine.address]).toEqual([false, "127.0.0.1"]);
    expect(open({ endpoint: tcp, tls: client, address: "10.0.0.7" }).address).toBe("10.0.0.7");
  });

  it("is reached as the docker command does, by variables", async () => {
    const env = { DOCKER_HOST: tcp, DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: clientFolder };
    expect(await open({ env }).describe()).toMatch(/^Docker/);
  });

  it("is not reached, and says why, when one does not trust the other", async () => {
    for (const tls of [
      { ...client, ca: strangers.ca },
      { ...strangers, ca: client.ca },
    ]) {
      const error = await refusal({ endpoint: tcp, tls });
      expect(error).toBeInstanceOf(TerminalError);
      expect(error.message).toMatch(/do not trust each other's certificates \(.+\)\. Check ca\.pem/);
      expect(error.message).not.toContain("PRIVATE KEY");
    }
  });

  it("is not reached without", async () => {
    expect(await refusal({ endpoint: tcp })).toBeInstanceOf(Error);
  });
});

describe("an engine behind SSH", () => {
  const endpoint = (): string => `ssh://${host.authority}`;
  const ssh = (): NonNullable<EngineOptions["ssh"]> => ({ key: host.key, knownHosts: host.knownHosts });

  it("is reached through docker on its host", async () => {
    const engine = open({ endpoint: endpoint(), ssh: ssh() });
    expect(await engine.describe()).toMatch(/^Docker/);
    expect([engine.isLocal, engine.address]).toEqual([false, "127.0.0.1"]);
  });

  it("is reached through its socket where the endpoint names one", async () => {
    const engine = open({ endpoint: `${endpoint()}${daemon.socket}`, ssh: ssh() });
    expect(await engine.describe()).toMatch(/^Docker/);
  });

  it("does many things at a time, and streams both ways", async () => {
    const engine = open({ endpoint: endpoint(), ssh: ssh() });
    const container = await engine.call((docker) =>
      docker.createContainer({
        Image: IMAGE,
        Cmd: ["cat"],
        OpenStdin: true,
        StdinOnce: true,
        HostConfig: { NetworkMode: "none" },
      }),
    );
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
    await container.start();
    stream.write("there and back\n");
    const [echo] = await Promise.all([
      new Promise((resolve) => stream.once("data", (bytes: Buffer) => resolve(bytes.subarray(8).toString()))),
      ...Array.from({ length: 6 }, () => engine.describe()),
    ]);
    expect(echo).toBe("there and back\n");
    await container.remove({ force: true });
  });

  it("is reached again when the connection was lost", async () => {
    const engine = open({ endpoint: endpoint(), ssh: ssh() });
    await engine.describe();
    host.disconnect();
    const again = (): Promise<string> => engine.describe().catch((error: Error) => error.message);
    await expect.poll(again, { timeout: 60_000 }).toMatch(/^Docker \d/);
  });

  it("on a host that nobody knows is not reached: the fingerprint and what to do are said", async () => {
    const error = await refusal({ endpoint: endpoint(), ssh: { ...ssh(), knownHosts: "" } });
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(
      /^The key of the host 127\.0\.0\.1 \(ssh-ed25519 SHA256:\S+\) is not in known_hosts\. .*ssh-keyscan -p \d+ 127\.0\.0\.1/,
    );
  });

  it("on a host that shows another key than it had is not reached", async () => {
    const error = await refusal({
      endpoint: endpoint(),
      ssh: { ...ssh(), knownHosts: host.otherKnownHosts },
    });
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/shows another key .* somebody stands in between/);
  });

  it("on a host whose key is revoked is not reached", async () => {
    const knownHosts = `${host.knownHosts}@revoked ${host.knownHosts}`;
    expect((await refusal({ endpoint: endpoint(), ssh: { ...ssh(), knownHosts } })).message).toMatch(
      /shows a key that is revoked/,
    );
  });

  it("on a host that does not let us in is not reached", async () => {
    const error = await refusal({ endpoint: endpoint(), ssh: { ...ssh(), key: host.strangersKey } });
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/does not let '\w+' in over SSH\. Put the private key/);
  });

  it("that is away while its host is there is an error in the host's words", async () => {
    const elsewhere = await startSshHost("unix:///nowhere.sock");
    try {
      const error = await refusal({
        endpoint: `ssh://${elsewhere.authority}`,
        ssh: { key: elsewhere.key, knownHosts: elsewhere.knownHosts },
      });
      expect(error).not.toBeInstanceOf(TerminalError);
      expect(error.message).toMatch(/does not answer \(.*nowhere\.sock.*\)\.$/);
    } finally {
      await elsewhere.close();
    }
  });
});
