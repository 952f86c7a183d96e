/**
 * Containers that somebody else runs, as the Services that they could become. A container bears its marks for life, so it
 * cannot be taken over as it is: a Service makes its own beside it.
 *
 *  - What looks like a secret is never in it: a reference to a Secret stands in its place, which people fill.
 *  - What an image says by itself is left out; what a Service has no word for is a remark.
 */
import type Docker from "dockerode";
import { equal } from "../../model/equality.ts";
import type { CallContext, Found } from "../../provider/provider.ts";
import type { Engine } from "./engine.ts";
import { statusOf } from "./errors.ts";

type Container = Docker.ContainerInspectInfo;
type Image = Docker.ImageInspectInfo;

const OWN_NETWORKS: ReadonlySet<string> = new Set(["bridge", "host", "none", "podman"]);
const SECRET_NAME = /pass(word|wd|phrase)?|secret|token|credential|private|api_?key|access_?key|auth|dsn/i;
const SECRET_VALUE = /:\/\/[^/\s:@]+:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export async function presentContainers(engine: Engine, { signal }: CallContext): Promise<readonly Found[]> {
  const running = await engine.call((docker) => docker.listContainers(), { signal });
  const theirs = running.filter(({ Labels }) => Labels?.["tutti.dev/home"] === undefined);
  const found = await Promise.all(theirs.map(({ Id }) => inspected(engine, Id, signal)));
  return found.flatMap((one) => (one === undefined ? [] : [foundOf(one.container, one.image)]));
}

/** Undefined when it is gone by now. */
async function inspected(
  engine: Engine,
  id: string,
  signal: AbortSignal,
): Promise<{ readonly container: Container; readonly image: Image | undefined } | undefined> {
  try {
    const container = await engine.call((docker) => docker.getContainer(id).inspect(), { signal });
    const image = await engine
      .call((docker) => docker.getImage(container.Image).inspect(), { signal })
      .catch(() => undefined); // taken away since: nothing of it can be left out
    return { container, image };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

export function foundOf(container: Container, image: Image | undefined): Found {
  const { Config, HostConfig, State } = container;
  const name = container.Name.replace(/^\//, "");
  const project = Config.Labels?.["com.docker.compose.project"];
  const service = Config.Labels?.["com.docker.compose.service"];
  const env = environment(container, image, `${name}-env`.toLowerCase().replace(/[^a-z0-9-]+/g, "-"));
  const published = ports(container);
  const mounted = volumes(container);
  const command = commandOf(container, image);
  return {
    id: name,
    name: service ?? name,
    spec: {
      class: "docker",
      image: Config.Image,
      ...(command === undefined ? {} : { command }),
      env: env.values,
      ports: published.ports,
      volumes: mounted.volumes,
      networks: Object.keys(container.NetworkSettings.Networks).filter((one) => !OWN_NETWORKS.has(one)),
      ...(Config.User === "" ? {} : { user: Config.User }),
      resources: limits(HostConfig),
      restart: { policy: policyOf(HostConfig) },
    },
    description: [
      `container of ${Config.Image}`,
      State.Status,
      ...(project === undefined ? [] : [`of the Compose project ${project}`]),
    ].join(", "),
    remarks: [
      `Container ${name} goes on as it is; the service makes containers of its own. Stop it when they serve.`,
      ...env.remarks,
      ...published.remarks,
      ...mounted.remarks,
    ],
  };
}

interface Environment {
  readonly values: Readonly<Record<string, string>>;
  readonly remarks: readonly string[];
}

function environment({ Config }: Container, image: Image | undefined, secret: string): Environment {
  const usual = new Set(image?.Config.Env ?? []);
  const own = (Config.Env ?? [])
    .filter((line) => !usual.has(line))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const)
    .filter(([name]) => VARIABLE.test(name));
  const hidden = own.filter(([name, value]) => SECRET_NAME.test(name) || SECRET_VALUE.test(value));
  const names = hidden.map(([name]) => name);
  const values = own.map(([name, value]) => [
    name,
    // A value that happens to look like an expression is a text all the same.
    names.includes(name) ? `\${secret.${secret}.${name}}` : value.replaceAll("${", () => "$${"),
  ]);
  const remarks =
    names.length === 0
      ? []
      : [`Put ${names.join(", ")} into a Secret '${secret}': what they hold was not written anywhere.`];
  return { values: Object.fromEntries(values) as Record<string, string>, remarks };
}

/** Undefined when it is what the image says. */
function commandOf({ Config }: Container, image: Image | undefined): readonly string[] | undefined {
  const words = (value: unknown): readonly string[] =>
    typeof value === "string" ? [value] : ((value ?? []) as readonly string[]);
  const theirs = [...words(Config.Entrypoint), ...words(Config.Cmd)];
  const usual = [...words(image?.Config.Entrypoint), ...words(image?.Config.Cmd)];
  return theirs.length === 0 || equal(theirs, usual) ? undefined : theirs;
}

function ports({ HostConfig }: Container): {
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly remarks: readonly string[];
} {
  const bindings = Object.entries((HostConfig.PortBindings ?? {}) as Readonly<Record<string, unknown>>);
  const all = bindings.flatMap(([place, hosts]) => {
    const [port, protocol] = place.split("/");
    const [host] = (hosts ?? []) as readonly { readonly HostPort?: string }[];
    return protocol === "tcp" ? [{ port: Number(port), host: Number(host?.HostPort ?? port) }] : [];
  });
  return {
    ports: all.map(({ port }) => ({ name: `port-${port}`, port })),
    remarks: all
      .filter(({ port, host }) => host !== port)
      .map(({ port, host }) => `Its port ${port} was published as ${host}: declare a LoadBalancer on that.`),
  };
}

function volumes({ Mounts }: Container): {
  readonly volumes: readonly { readonly volume: string; readonly path: string }[];
  readonly remarks: readonly string[];
} {
  const named = Mounts.flatMap(({ Type, Name, Destination }) =>
    Type === "volume" && Name !== undefined ? [{ volume: Name, path: Destination }] : [],
  );
  const binds = Mounts.filter(({ Type }) => Type === "bind");
  return {
    volumes: named,
    remarks: binds.map(
      ({ Source, Destination }) =>
        `${Source}, which it sees at ${Destination}, is left out: declare a Volume of class directory that adopts it.`,
    ),
  };
}

function limits({ Memory = 0, NanoCpus = 0 }: Container["HostConfig"]): object {
  return {
    ...(Memory > 0 ? { memory: Memory % 2 ** 20 === 0 ? `${Memory / 2 ** 20}Mi` : String(Memory) } : {}),
    ...(NanoCpus > 0 ? { cpu: `${Math.round(NanoCpus / 1e6)}m` } : {}),
  };
}

function policyOf({ RestartPolicy }: Container["HostConfig"]): string {
  const name = RestartPolicy?.Name ?? "";
  if (name === "on-failure") return "on-failure";
  return name === "" || name === "no" ? "never" : "always";
}
