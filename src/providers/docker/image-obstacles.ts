/** Whether the image of a service can be had, seen before anything is committed. */
import type { ContainerSettings } from "../../provider/container.ts";
import { type Obstacle, type Prospect, TerminalError } from "../../provider/provider.ts";
import { neverPulled } from "./images.ts";

/**
 * `pin` gives the exact image where it knows one. What was pinned before the plan is there. Rejects when nobody can tell:
 * a registry that does not answer now may do so later.
 */
export async function imageObstacles(
  prospect: Prospect,
  pin: (prospect: Prospect) => Promise<string | undefined>,
): Promise<readonly Obstacle[]> {
  const { image, pull, digest } = prospect.spec as ContainerSettings & { readonly digest?: string };
  if (image === undefined || digest !== undefined) return [];
  try {
    const found = await pin(prospect);
    return found === undefined && pull?.policy === "never" ? [neverPulled(image, undefined).diagnostic] : [];
  } catch (error) {
    if (error instanceof TerminalError) return [error.diagnostic];
    throw error;
  }
}
