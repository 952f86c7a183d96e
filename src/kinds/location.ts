import { z } from "zod";
import { conditionOf } from "../model/condition.ts";
import { defineKind } from "./kind.ts";
import { baseStatus } from "./fields.ts";
import { checkLocation } from "./location-check.ts";

/** Secrets that a Location names are in this namespace: a Location is in none. */
export const SECRETS_OF_LOCATIONS = "default";

const docker = z.strictObject({
  endpoint: z
    .string()
    .regex(/^(unix|tcp|ssh):\/\/.+/, "must begin with unix://, tcp:// or ssh://")
    .optional()
    .describe(
      "Where the engine's API is: unix:///run/docker.sock (also Podman's), tcp://host:2376, ssh://user@host; $DOCKER_HOST or the usual socket when absent.",
    ),
  tls: z
    .strictObject({
      secret: z
        .string()
        .describe("Name of a Secret in the namespace default with ca.pem, cert.pem and key.pem."),
    })
    .optional()
    .describe("With tcp: certificates, as `docker --tlsverify` takes them."),
  ssh: z
    .strictObject({
      secret: z
        .string()
        .describe(
          "Name of a Secret in the namespace default with key and its passphrase (or password) and known_hosts; the host's key must be in it.",
        ),
    })
    .optional()
    .describe("With ssh: how to sign in; the agent of $SSH_AUTH_SOCK when absent."),
  address: z
    .string()
    .optional()
    .describe("Under which its containers' ports are reached; the endpoint's host when absent."),
  base: z
    .string()
    .optional()
    .describe(
      "Image for services that name none: their command runs in it, with the folder of the declaration at its place. Made from this machine's own Node when absent.",
    ),
  images: z
    .record(z.string(), z.string())
    .default({})
    .describe("Image of each database engine, e.g. postgres: postgres:17."),
});

const lxd = z.strictObject({
  endpoint: z
    .string()
    .regex(/^(unix|https):\/\/.+/, "must begin with unix:// or https://")
    .optional()
    .describe(
      "Where LXD's API is: unix:///var/lib/lxd/unix.socket, https://host:8443; $LXD_DIR or the usual socket when absent.",
    ),
  tls: z
    .strictObject({
      secret: z
        .string()
        .describe(
          "Name of a Secret in the namespace default with server.pem (LXD's own certificate, or of who signed it), cert.pem and key.pem (which LXD trusts: `lxc config trust add cert.pem`).",
        ),
    })
    .optional()
    .describe("With https: certificates."),
  project: z.string().optional().describe("LXD's project; default when absent."),
  pool: z
    .string()
    .optional()
    .describe("Storage pool of disks and volumes; `default`, or the only one, when absent."),
});

const bridge = z.strictObject({
  database: z
    .string()
    .regex(/^(unix|tcp|ssl):.+/, "must begin with unix:, tcp: or ssl:")
    .optional()
    .describe("Where Open vSwitch's database is; unix:/var/run/openvswitch/db.sock when absent."),
  switch: z
    .string()
    .regex(/^[^\s/]{1,15}$/, "must be the name of a bridge, such as br0")
    .optional()
    .describe(
      "Bridge of Open vSwitch that networks with a VLAN tag are made in; one of its own when absent.",
    ),
  namespace: z
    .string()
    .regex(/^[^\s/]+$/, "must be the name of a network namespace")
    .optional()
    .describe("Network namespace they are made in, as `ip netns` names it; the control plane's when absent."),
});

export type LocationSpec = typeof location.Spec;

/** The names of the Secrets by which a Location is reached. */
export function secretsOf({ docker: engine, lxd: place }: LocationSpec): readonly string[] {
  return [engine?.tls?.secret, engine?.ssh?.secret, place?.tls?.secret].filter((name) => name !== undefined);
}

/** A place where things run. `local`, this machine, and `docker`, its container engine, are always there. */
export const location = defineKind({
  kind: "Location",
  plural: "locations",
  shortNames: ["loc"],
  namespaced: false,
  description: "A place where things run: this machine, a Docker host, an LXD, a cluster, a region.",
  body: z.strictObject({
    spec: z
      .strictObject({
        type: z.enum(["local", "docker", "lxd"]).default("local").describe("What kind of place it is."),
        classes: z
          .record(z.string(), z.string())
          .default({})
          .describe("Which class 'auto' means here, by kind, e.g. LoadBalancer: haproxy."),
        docker: docker.optional().describe("With type docker: which engine, and how to reach it."),
        lxd: lxd.optional().describe("With type lxd: which LXD, and how to reach it."),
        bridge: bridge.optional().describe("Where networks of class bridge are made."),
      })
      .prefault({}),
  }),
  status: z.object({
    ...baseStatus,
    /** What the engine says it is. */
    engine: z.string().optional(),
    classes: z
      .record(z.string(), z.array(z.object({ name: z.string(), capabilities: z.array(z.string()) })))
      .optional(),
  }),
  columns: [
    {
      name: "READY",
      type: "string",
      value: (resource) => conditionOf(resource, "Ready")?.status ?? "Unknown",
    },
    { name: "TYPE", type: "string", value: (resource) => String(resource.spec?.["type"]) },
    {
      name: "ENDPOINT",
      type: "string",
      value: ({ spec }) =>
        String(((spec?.["docker"] ?? spec?.["lxd"]) as { endpoint?: string } | undefined)?.endpoint ?? ""),
    },
    { name: "ENGINE", type: "string", value: (resource) => String(resource.status?.["engine"] ?? "") },
  ],
  check: ({ spec }) => checkLocation(spec ?? {}),
  example: { spec: { type: "docker", docker: { endpoint: "ssh://deploy@build-1.example.com" } } },
});
