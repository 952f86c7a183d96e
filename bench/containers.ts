/**
 * Containers of class `docker` beside Docker Swarm and beside the Engine's API alone, with one version of the daemon and
 * one image:
 *
 *     node bench/containers.ts [--counts 1,10,50,100] [--rounds 3]
 *
 * Ours: from the request that declares the service until every instance's port has accepted a connection. The API alone:
 * a loop that creates and starts containers with the same settings, 8 in flight, and asks their ports. Swarm, at its best
 * settings (`dnsrr`, restart delay 0): until all tasks are RUNNING, which is before they answer. Ours and the API alone
 * share one daemon; Swarm has its own, since it needs a network namespace for its filters. Rounds alternate.
 *
 * Replacement: from `docker kill` (or from the moment the image's HEALTHCHECK starts to fail) until another instance
 * serves, all being ready again. Update: of 4 instances, under load through the balancer; Swarm's is timed without load
 * (start-first, with a health check), for its failures with clients that cache names see docs/benchmarks.md.
 */
import { connect } from "node:net";
import { parseArgs } from "node:util";
import type Docker from "dockerode";
import {
  type Daemon,
  IMAGE,
  busyboxFiles,
  importImage,
  startDaemon,
} from "../src/providers/docker/fixtures/daemon.ts";
import { median, milliseconds, printMachine, quantile, short, table } from "./kit/figures.ts";
import { Load } from "./kit/load.ts";
import { type Instance, Plane, SERVICE, pause, service } from "./kit/plane.ts";
import { Swarm, whyNoSwarm } from "./kit/swarm.ts";

const { values: options } = parseArgs({
  options: {
    counts: { type: "string", default: "1,10,50,100" },
    rounds: { type: "string", default: "3" },
  },
});
const rounds = Number(options.rounds);
const counts = options.counts.split(",").map(Number);
const IN_FLIGHT = 8;
const HTTPD = ["httpd", "-f", "-p", "127.0.0.1:$(PORT)", "-h", "/"];
/** The fastest that both understand: looked at twice a second, one failure counts. */
const CHECK = { command: "test ! -e /tmp/unwell", interval: "500ms", retries: "1" };
const CHECKED = "tutti.bench/checked:1";
const SWARM_CHECKED = [
  ["--health-cmd", CHECK.command],
  ["--health-interval", CHECK.interval],
  ["--health-retries", CHECK.retries],
].flat();

async function accepts(port: number): Promise<void> {
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("error", () => resolve(false));
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
    });
    if (isOpen) return;
    await pause(2);
  }
}

/** Milliseconds until `count` containers answer, made with as few calls as there can be. */
async function bare(docker: Docker, count: number): Promise<number> {
  const began = performance.now();
  const made: Docker.Container[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const port = 32_100 + next++;
      const container = await docker.createContainer({
        Image: IMAGE,
        Cmd: HTTPD.map((word) => word.replace("$(PORT)", String(port))),
        HostConfig: { NetworkMode: "host" },
      });
      await container.start();
      made.push(container);
      await accepts(port);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  const took = performance.now() - began;
  await Promise.all(made.map((container) => container.remove({ force: true })));
  return took;
}

function web(replicas: number, more: object = {}): ReturnType<typeof service> {
  return service("web", HTTPD, replicas, { image: IMAGE, location: "docker", ...more });
}

async function ours(plane: Plane, count: number): Promise<number> {
  const began = performance.now();
  await plane.create(web(count));
  await plane.allReady("web", Math.max(4, count / 2), 120_000);
  const took = performance.now() - began;
  await plane.remove("web");
  return took;
}

async function untilReady(plane: Plane, daemon: Daemon, swarm: Swarm | undefined): Promise<void> {
  const rows: (readonly string[])[] = [];
  for (const count of counts) {
    const [alone, own, theirs]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < rounds; round += 1) {
      alone.push(await bare(daemon.docker, count));
      own.push(await ours(plane, count));
      if (swarm === undefined) continue;
      theirs.push(await swarm.create("web", count));
      await swarm.remove("web");
    }
    const ratios = own.map((took, round) => (alone[round] ?? 0) / took);
    rows.push([
      String(count),
      milliseconds(median(own)),
      milliseconds(median(alone)),
      `${Math.round(100 * median(ratios))}% (${ratios.map((ratio) => Math.round(100 * ratio)).join(", ")})`,
      milliseconds(median(theirs)),
      `${short(median(theirs) / median(own))}x`,
    ]);
  }
  table(
    [
      "containers",
      "tutti, ready",
      "Engine API alone",
      "of its rate (rounds)",
      "Swarm, running",
      "Swarm / tutti",
    ],
    rows,
  );
}

/** Those that are not on their way out: one that ignores SIGTERM takes its grace. */
async function present(plane: Plane, name: string): Promise<readonly Instance[]> {
  return (await plane.instances(name)).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Milliseconds from the harm done to one container until all are ready again and that one is gone. */
async function replaced(
  plane: Plane,
  name: string,
  harm: (container: string) => Promise<unknown>,
): Promise<number> {
  const before = await present(plane, name);
  const oldest = before.toSorted((a, b) => Number(a.status?.readyAt) - Number(b.status?.readyAt))[0];
  const container = String(
    (oldest?.status?.identity as Record<string, unknown> | undefined)?.["container"] ?? "",
  );
  // An instance that ends sooner counts as crashing at start and is slowed down on purpose.
  await pause(Math.max(0, Number(oldest?.status?.readyAt) + 5_200 - Date.now()));
  const began = performance.now();
  await harm(container);
  for (;;) {
    const now = await present(plane, name);
    const ready = now.filter(({ status }) =>
      (status as { conditions?: readonly { type: string; status: string }[] } | undefined)?.conditions?.some(
        (condition) => condition.type === "Ready" && condition.status === "True",
      ),
    );
    if (
      ready.length === before.length &&
      ready.every(({ metadata }) => metadata.uid !== oldest?.metadata.uid)
    )
      return performance.now() - began;
    await pause(10);
  }
}

async function replacement(plane: Plane, daemon: Daemon, swarm: Swarm | undefined): Promise<void> {
  const harms = {
    killed: (id: string): Promise<unknown> => daemon.docker.getContainer(id).kill(),
    unhealthy: async (id: string): Promise<unknown> => {
      const exec = await daemon.docker.getContainer(id).exec({ Cmd: ["touch", "/tmp/unwell"] });
      return exec.start({});
    },
  };
  const [killed, theirKilled, unhealthy, theirUnhealthy]: [number[], number[], number[], number[]] = [
    [],
    [],
    [],
    [],
  ];
  await plane.create(web(3));
  await plane.allReady("web");
  await plane.create({
    ...web(3, { image: CHECKED }),
    metadata: { name: "checked", namespace: "default" },
  });
  await plane.allReady("checked", 20, 120_000);
  await swarm?.create("web", 3);
  await swarm?.create("checked", 3, SWARM_CHECKED);
  for (let round = 0; round < rounds; round += 1) {
    killed.push(await replaced(plane, "web", harms.killed));
    unhealthy.push(await replaced(plane, "checked", harms.unhealthy));
    if (swarm === undefined) continue;
    theirKilled.push(await swarm.replaced("web", 3, (id) => void swarm.docker("kill", id)));
    theirUnhealthy.push(
      await swarm.replaced(
        "checked",
        3,
        (id) => void swarm.docker("exec", id, "/bin/busybox", "touch", "/tmp/unwell"),
      ),
    );
  }
  for (const name of ["web", "checked"]) {
    await plane.remove(name);
    await swarm?.remove(name);
  }
  const row = (title: string, own: readonly number[], theirs: readonly number[]): readonly string[] => [
    title,
    milliseconds(median(own)),
    milliseconds(quantile(own, 1)),
    milliseconds(median(theirs)),
    `${short(median(theirs) / median(own))}x`,
  ];
  table(
    ["until replaced and ready", "tutti, median", "slowest", "Swarm at its best", "Swarm / tutti"],
    [row("killed", killed, theirKilled), row("unhealthy by its HEALTHCHECK", unhealthy, theirUnhealthy)],
  );
}

async function update(plane: Plane, swarm: Swarm | undefined): Promise<void> {
  await plane.create(web(4));
  await plane.allReady("web");
  const url = await plane.balance("front", "web");
  await pause(200);
  const [own, theirs]: [number[], number[]] = [[], []];
  // Clients know the balancer's address only, so that one which caches names misses nothing.
  const load = await Load.start({ url: new URL("etc/group", url).href, connections: 8, perSecond: 300 });
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await plane.client.patch(SERVICE, "web", { spec: { env: { VERSION: String(round) } } });
    await pause(20);
    await plane.allReady("web", 10);
    own.push(performance.now() - began);
    await pause(500);
  }
  const report = await load.stop();
  await plane.remove("web", "front");
  if (swarm !== undefined) {
    await swarm.create("web", 4, SWARM_CHECKED);
    for (let round = 0; round < rounds; round += 1)
      theirs.push(
        await swarm.update("web", 4, ["--update-order", "start-first", "--env-add", `VERSION=${round}`]),
      );
    await swarm.remove("web");
  }
  table(
    ["rolling update of 4", "median", "slowest", "requests failed"],
    [
      [
        "tutti",
        milliseconds(median(own)),
        milliseconds(quantile(own, 1)),
        `${report.failed} of ${report.sent}`,
      ],
      [
        "Swarm (start-first, health check)",
        milliseconds(median(theirs)),
        milliseconds(quantile(theirs, 1)),
        "-",
      ],
    ],
  );
}

printMachine();
const daemon = await startDaemon();
await importImage(daemon.docker, CHECKED, busyboxFiles(), [
  `HEALTHCHECK --interval=${CHECK.interval} --retries=${CHECK.retries} CMD ${CHECK.command}`,
]);
process.env["DOCKER_HOST"] = daemon.endpoint;
const why = whyNoSwarm();
if (why !== undefined) console.log(`Docker Swarm is left out: ${why}.\n`);
const swarm = why === undefined ? await Swarm.start() : undefined;
const plane = await Plane.start();
try {
  await ours(plane, 4);
  await untilReady(plane, daemon, swarm);
  await replacement(plane, daemon, swarm);
  await update(plane, swarm);
} finally {
  await plane.end();
  await swarm?.end();
  await daemon.close();
}
