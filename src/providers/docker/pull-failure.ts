/** Why an image could not be had, in one sentence with what was tried. */
import { TerminalError } from "../../provider/provider.ts";
import { reasonOf, statusOf } from "./errors.ts";
import { PatienceError, ProgressError } from "./progress.ts";
import type { Reference } from "./reference.ts";

/** `fetched`: how far it came. A registry's words decide whether waiting can help. */
export function pullFailure(name: string, { registry }: Reference, error: unknown, fetched: string): Error {
  const isSaid = error instanceof ProgressError || statusOf(error) !== undefined;
  if (error instanceof PatienceError)
    return new Error(
      `The image '${name}' could not be fetched: the registry ${registry} is too slow or does not answer (${error.message}${fetched === "" ? "" : `, ${fetched} fetched`}).`,
    );
  if (!isSaid) return error instanceof Error ? error : new Error(String(error));
  const reason = reasonOf(error);
  if (/no space left on device|disk quota exceeded/i.test(reason))
    return new Error(
      `The image '${name}' could not be fetched: the engine's disk is full. Free some space there (\`docker system df\`).`,
    );
  if (/unauthorized|denied|authentication required|no basic auth|incorrect username/i.test(reason))
    return new TerminalError({
      code: "RegistryRefused",
      path: "spec.pull.secret",
      message: `The engine has no image '${name}', and the registry ${registry} does not give it out (${reason}).`,
      hint: "Check the image's name, and name in spec.pull.secret a Secret whose username and password may read it.",
    });
  if (
    /manifest unknown|not found|does not exist|no such image|name unknown|no matching manifest/i.test(reason)
  )
    return new TerminalError({
      code: "ImageNotFound",
      path: "spec.image",
      message: `Neither the engine nor the registry ${registry} has an image '${name}' (${reason}).`,
      hint: "Check its name and tag, or push it and apply again.",
    });
  return new Error(`The image '${name}' could not be fetched from the registry ${registry}: ${reason}.`);
}
