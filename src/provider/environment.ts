/** What every class tells an instance about itself, in variables. */
import type { Identity, InstanceSpec } from "./provider.ts";

/** TUTTI_*, PORT, PORT_<NAME> and VOLUME_<NAME>. `pathOf`: where the instance sees a volume. */
export function instanceVariables(
  identity: Identity,
  spec: InstanceSpec,
  pathOf: (volume: InstanceSpec["run"]["volumes"][number]) => string,
): Record<string, string> {
  const env: Record<string, string> = {
    TUTTI_INSTANCE: identity.name,
    TUTTI_SERVICE: spec.service,
    TUTTI_NAMESPACE: identity.namespace,
  };
  for (const volume of spec.run.volumes) env[`VOLUME_${variable(volume.volume)}`] = pathOf(volume);
  for (const [index, { name }] of spec.run.ports.entries()) {
    const port = String(spec.ports[name] ?? "");
    if (index === 0) env["PORT"] = port;
    env[`PORT_${variable(name)}`] = port;
  }
  return env;
}

function variable(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

/** `$(NAME)` from the environment, as Kubernetes does in commands; `$$(NAME)` writes `$(NAME)`. */
export function expand(word: string, env: Readonly<Record<string, string>>): string {
  return word.replace(/\$?\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (all, name: string) =>
    all.startsWith("$$") ? all.slice(1) : (env[name] ?? all),
  );
}
