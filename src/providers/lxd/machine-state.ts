/** What a machine's state says: its addresses, whether its command has ended well since it was started, why it is not ready. */
import { createHash } from "node:crypto";
import type { Observation } from "../../provider/provider.ts";
import type { InstanceState, LxdInstance } from "./instances.ts";
import { type Form, type MachineSpec, type Surroundings, interfaceName } from "./machine-form.ts";
import { COMMANDED } from "./marks.ts";

export interface Seen {
  readonly instance: LxdInstance;
  readonly state: InstanceState;
  readonly form: Form;
  readonly around: Surroundings;
}

export function whyNotReady(spec: MachineSpec, seen: Seen): string | undefined {
  const { status } = seen.state;
  if (!spec.running)
    return status === "Stopped" ? undefined : `It is ${status.toLowerCase()}, and should be stopped.`;
  if (status !== "Running") return `It is ${status.toLowerCase()}, and should run.`;
  const missing = withoutAddress(spec, seen);
  if (missing !== undefined)
    return `It has no address on the network '${missing}' yet; its image must ask for one by DHCP.`;
  return isCommanded(spec, seen.instance) ? undefined : "Its command has not ended well yet.";
}

export function withoutAddress(spec: MachineSpec, { state, around }: Seen): string | undefined {
  const addresses = addressesOf(spec, state);
  return spec.networks.find(
    ({ network }) => around.networks.get(network)?.hasAddresses === true && addresses[network] === undefined,
  )?.network;
}

/** By network; IPv4 before IPv6. */
export function addressesOf(
  { networks }: MachineSpec,
  { network: interfaces }: InstanceState,
): Readonly<Record<string, string>> {
  const found = networks.flatMap(({ network, address }, index): readonly (readonly [string, string])[] => {
    const global = (interfaces?.[interfaceName(index)]?.addresses ?? []).filter(
      ({ scope }) => scope === "global",
    );
    const one =
      global.find((given) => given.address === address) ??
      global.find(({ family }) => family === "inet") ??
      global[0];
    return one === undefined ? [] : [[network, one.address]];
  });
  return Object.fromEntries(found);
}

export function commandDigest({ command }: MachineSpec, { last_used_at: started }: LxdInstance): string {
  return createHash("sha256")
    .update(JSON.stringify([command, started]))
    .digest("hex")
    .slice(0, 16);
}

export function isCommanded(spec: MachineSpec, instance: LxdInstance): boolean {
  return spec.command === undefined || instance.config[COMMANDED] === commandDigest(spec, instance);
}

export function beingMade({ name, status }: LxdInstance): Observation {
  return { ready: false, message: "It is being made.", outputs: { id: name, state: status } };
}
