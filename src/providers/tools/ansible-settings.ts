/** What is said of a Resource of class ansible. */
import { z } from "zod";

export const ansibleSettings = z.strictObject({
  /** Relative to the declaration. */
  playbook: z.string().min(1),
  /** Where it runs, with all files that it is made of; the playbook's own folder when absent. */
  directory: z.string().min(1).optional(),
  /** Other folders with files that it is made from, relative to the declaration. */
  include: z.array(z.string().min(1)).default([]),
  /** A file, relative to the declaration; or an inventory as it stands in YAML. May hold secrets. */
  inventory: z.union([z.string().min(1), z.record(z.string(), z.unknown())]).optional(),
  /** As data: nothing in them is worked out as a template. May hold secrets. */
  variables: z.record(z.string(), z.unknown()).default({}),
  /** May hold secrets. */
  environment: z.record(z.string().regex(/^\w+$/), z.string()).default({}),
  tags: z.array(z.string().regex(/^[^,]+$/)).default([]),
  limit: z.string().min(1).optional(),
  /** The playbook that takes back what the other has set up. */
  remove: z.string().min(1).optional(),
});

export type AnsibleSettings = z.output<typeof ansibleSettings>;

export interface AnsibleSpec {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly digest?: string;
}
