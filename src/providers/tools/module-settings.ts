/** What is said of a Resource of class terraform-module. */
import { z } from "zod";
import type { Obstacle } from "../../provider/provider.ts";
import { parsed, problemsIn } from "./settings.ts";

const settings = z.strictObject({
  /** Folder of the root module, relative to the declaration. */
  source: z.string().min(1),
  /** Other folders with files that it is made from, relative to the declaration. */
  include: z.array(z.string().min(1)).default([]),
  /** Of the module; may hold secrets. */
  variables: z.record(z.string(), z.unknown()).default({}),
  /** Settings of the module's own backend; may hold secrets. */
  backend: z.record(z.string(), z.string()).optional(),
  workspace: z
    .string()
    .regex(/^[\w.-]+$/)
    .optional(),
  /** A state file that is there, relative to the declaration; of a module without a backend. */
  state: z.string().min(1).optional(),
  parallelism: z.int().min(1).optional(),
  lockTimeout: z
    .string()
    .regex(/^\d+(s|m|h)$/)
    .default("5m"),
  /** Variables of the environment, for providers: `AWS_ACCESS_KEY_ID`; may hold secrets. */
  environment: z.record(z.string().regex(/^\w+$/), z.string()).default({}),
});

export type ModuleSettings = z.output<typeof settings>;

export interface ModuleSpec {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly digest?: string;
}

export function problemsOf(config: unknown): readonly Obstacle[] {
  return problemsIn(settings, config);
}

/** Refuses with TerminalError. */
export function settingsOf({ config = {} }: ModuleSpec): ModuleSettings {
  return parsed(settings, config);
}
