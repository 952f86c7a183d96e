/** What the schema cannot say of a Location: fields that mean nothing beside others are refused, not ignored. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";

type Problem = Omit<Diagnostic, "severity" | "address">;

interface Spec {
  readonly type?: string;
  readonly classes?: Readonly<Record<string, string>>;
  readonly docker?: { readonly endpoint?: string; readonly tls?: object; readonly ssh?: object };
  readonly lxd?: { readonly endpoint?: string; readonly tls?: object };
  readonly bridge?: object;
}

/** Kinds with a class; a list, since kinds do not know of each other. */
export const KINDS_WITH_CLASSES = [
  "DNSRecord",
  "DNSZone",
  "Database",
  "LoadBalancer",
  "Machine",
  "Monitor",
  "Network",
  "Provider",
  "Resource",
  "Service",
  "Volume",
] as const;

export function checkLocation({ type, classes = {}, docker, lxd, bridge }: Spec): readonly Problem[] {
  const kinds: readonly string[] = KINDS_WITH_CLASSES;
  return [
    ...Object.keys(classes).flatMap((name) => (kinds.includes(name) ? [] : [noClasses(name)])),
    ...(docker === undefined ? [] : engineProblems(docker, type)),
    ...(lxd === undefined ? [] : lxdProblems(lxd, type)),
    ...(bridge === undefined || isOnThisMachine(type, lxd) ? [] : [bridgeElsewhere()]),
  ];
}

function noClasses(name: string): Problem {
  return {
    code: "UnknownKind",
    path: "spec.classes",
    message: `There are no classes of '${name.slice(0, 60)}'.`,
    hint: didYouMean(name, KINDS_WITH_CLASSES) ?? `Kinds with classes: ${KINDS_WITH_CLASSES.join(", ")}.`,
  };
}

function engineProblems(
  { endpoint, tls, ssh }: NonNullable<Spec["docker"]>,
  type?: string,
): readonly Problem[] {
  if (type !== "docker") return [ofAnotherType("docker")];
  const speaks = (protocol: string): boolean =>
    endpoint === undefined || endpoint.startsWith(`${protocol}://`);
  return [
    ...(tls === undefined || speaks("tcp")
      ? []
      : [
          meaningless(
            "spec.docker.tls",
            "Certificates are for tcp, and the endpoint is another.",
            "Leave them out.",
          ),
        ]),
    ...(ssh === undefined || speaks("ssh")
      ? []
      : [meaningless("spec.docker.ssh", "It is for ssh, and the endpoint is another.", "Leave it out.")]),
  ];
}

function lxdProblems(
  { endpoint = "unix://", tls }: NonNullable<Spec["lxd"]>,
  type?: string,
): readonly Problem[] {
  if (type !== "lxd") return [ofAnotherType("lxd")];
  const isSecured = endpoint.startsWith("https://");
  if (tls !== undefined && !isSecured)
    return [
      meaningless(
        "spec.lxd.tls",
        "Certificates are for https, and the endpoint is another.",
        "Leave them out.",
      ),
    ];
  if (tls !== undefined || !isSecured) return [];
  return [
    {
      code: "MissingSecret",
      path: "spec.lxd.tls",
      message: "LXD knows who asks it over https by a certificate, and none is named.",
      hint: "Name a Secret with server.pem, cert.pem and key.pem in spec.lxd.tls.secret.",
    },
  ];
}

function isOnThisMachine(type: string | undefined, lxd: Spec["lxd"]): boolean {
  return type !== "docker" && lxd?.endpoint?.startsWith("https://") !== true;
}

function bridgeElsewhere(): Problem {
  return meaningless(
    "spec.bridge",
    "Networks of class bridge are made on the machine of the control plane, and this Location is not that.",
    "Leave it out.",
  );
}

function ofAnotherType(type: string): Problem {
  return meaningless(
    `spec.${type}`,
    "It says which engine, and a Location of this type has none.",
    `Set spec.type to ${type}.`,
  );
}

function meaningless(path: string, message: string, hint: string): Problem {
  return { code: "Meaningless", path, message, hint };
}
