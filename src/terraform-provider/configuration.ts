/** Which control plane it is about: what stands in `provider "tutti" {}`. */
import { Unknown, type Members } from "../terraform/value.ts";
import { attribute, described, textOf } from "./common.ts";

const OPTIONAL = { optional: true } as const;

export const configuration = described(
  "Tutti: declare a whole system, see the plan, apply it, keep it true.",
  [
    attribute("home", "string", OPTIONAL, "Its state folder; $TUTTI_HOME or ~/.tutti when absent."),
    attribute(
      "url",
      "string",
      OPTIONAL,
      "Where it listens, e.g. http://127.0.0.1:7700; found by its state folder when absent.",
    ),
    attribute(
      "token",
      "string",
      { ...OPTIONAL, sensitive: true },
      "What to show to it; $TUTTI_TOKEN or that of the state folder when absent.",
    ),
    attribute(
      "namespace",
      "string",
      OPTIONAL,
      "Where resources are that do not say it; default when absent.",
    ),
  ],
);

export interface Configured {
  readonly home?: string;
  readonly url?: string;
  readonly token?: string;
  readonly namespace: string;
  /** Attributes whose values another resource has yet to give. */
  readonly unknown: readonly string[];
}

export function configured(config: Members): Configured {
  const [home, url, token] = ["home", "url", "token"].map((name) => textOf(config[name]));
  return {
    ...(home === undefined ? {} : { home }),
    ...(url === undefined ? {} : { url }),
    ...(token === undefined ? {} : { token }),
    namespace: textOf(config["namespace"]) ?? "default",
    unknown: Object.entries(config).flatMap(([name, value]) => (value instanceof Unknown ? [name] : [])),
  };
}
