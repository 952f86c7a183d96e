/**
 * Which words must not be shown when an instance's output is (I10). A control plane that finds a running container knows no
 * declaration of it; so a label names the variables that are secrets, and the container itself has their values.
 */
import { type Keyring, isSealed } from "../../model/sealed.ts";
import type { InstanceSpec } from "../../provider/provider.ts";
import { secretsIn, secretWords } from "../../provider/redaction.ts";
import type { ContainerState } from "./containers.ts";

const LABEL = "tutti.dev/secret-variables";

export function secretLabel({ run }: InstanceSpec): Record<string, string> {
  const environments = [run.env, ...[...(run.init ?? []), ...(run.sidecars ?? [])].map(({ env }) => env)];
  const names = environments.flatMap((env) => Object.keys(env).filter((name) => isSealed(env[name])));
  return names.length === 0 ? {} : { [LABEL]: [...new Set(names)].join(",") };
}

/** Those in its environment. */
export function secretsOf(found: ContainerState | undefined): readonly string[] {
  const names = new Set((found?.Config.Labels[LABEL] ?? "").split(","));
  return (found?.Config.Env ?? []).flatMap((pair) => {
    const equals = pair.indexOf("=");
    return names.has(pair.slice(0, equals)) ? secretWords(pair.slice(equals + 1)) : [];
  });
}

/** Those in a declaration: variables of all its containers, and files, line by line. */
export function secretsDeclared({ run }: InstanceSpec, keyring: Keyring): readonly string[] {
  const beside = [...(run.init ?? []), ...(run.sidecars ?? [])];
  const lines = (run.files ?? [])
    .filter(({ content }) => isSealed(content))
    .flatMap(({ content }) => keyring.open(content).split("\n"))
    .flatMap(secretWords);
  return [run.env, ...beside.map(({ env }) => env)].flatMap((env) => secretsIn(env, keyring)).concat(lines);
}
