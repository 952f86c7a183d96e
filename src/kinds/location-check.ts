/** What the schema cannot say of a Location: fields that mean nothing beside others are refused, not ignored. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";

type Problem = Omit<Diagnostic, "severity" | "address">;

interface Spec {
  readonly type?: string;
  readonly classes?: Readonly<Record<string, string>>;
  readonly docker?: { readonly endpoint?: string; readonly tls?: object; readonly ssh?: object };
}

/** Kinds with a class; a list, since kinds do not know of each other. */
export const KINDS_WITH_CLASSES = [
  "DNSRecord",
  "DNSZone",
  "Database",
  "LoadBalancer",
  "Monitor",
  "Network",
  "Resource",
  "Service",
  "Volume",
] as const;

export function checkLocation({ type, classes = {}, docker }: Spec): readonly Problem[] {
  const kinds: readonly string[] = KINDS_WITH_CLASSES;
  return [
    ...Object.keys(classes).flatMap((name) => (kinds.includes(name) ? [] : [noClasses(name)])),
    ...(docker === undefined ? [] : engineProblems(docker, type)),
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
  if (type !== "docker")
    return [
      meaningless(
        "spec.docker",
        "It says which engine, and a Location of this type has none.",
        "Set spec.type to docker.",
      ),
    ];
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

function meaningless(path: string, message: string, hint: string): Problem {
  return { code: "Meaningless", path, message, hint };
}
