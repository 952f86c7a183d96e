/** Tools of this machine as classes of kind Resource: what they work on is one thing to us. */
import { join } from "node:path";
import type { Identity, Provider } from "../../provider/provider.ts";
import { AnsiblePlaybooks } from "./ansible.ts";
import { Kustomizations } from "./kustomize.ts";
import { TerraformModules } from "./terraform-module.ts";

export interface ToolOptions {
  /** Of the control plane's state, absolute. */
  readonly folder: string;
  /** What a tool says that it did, without secrets. */
  readonly told: (identity: Identity, text: string) => void;
}

export function toolProviders({ folder, told }: ToolOptions): readonly Provider[] {
  const short = (identity: Identity, text: string): void => told(identity, text.slice(0, MOST_TOLD));
  return [
    new TerraformModules({ folder: join(folder, "terraform"), told: short }) as Provider,
    new AnsiblePlaybooks({ folder: join(folder, "ansible"), told: short }) as Provider,
    new Kustomizations(join(folder, "kustomize")) as Provider,
  ];
}

const MOST_TOLD = 2_000;
