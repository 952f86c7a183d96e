/** The declared files of a Machine: read back and written one by one. */
import { isSealed } from "../../model/sealed.ts";
import type { CallContext } from "../../provider/provider.ts";
import type { Instances } from "./instances.ts";
import type { MachineSpec } from "./machine-form.ts";

type File = MachineSpec["files"][number];

/** As declared where that is what is there; without those that are missing. */
export async function filesIn(
  instances: Instances,
  name: string,
  { files }: MachineSpec,
  { keyring, signal }: Pick<CallContext, "keyring" | "signal">,
): Promise<readonly File[]> {
  const found: File[] = [];
  for (const file of files) {
    const there = await instances.readFile(name, file.path, signal);
    if (there === undefined) continue;
    const content = there.content.toString();
    const isSame = keyring.openAll(file.content) === content;
    found.push({
      path: file.path,
      content: isSame ? file.content : isSealed(file.content) ? keyring.seal(content) : content,
      mode: permissions(there.mode) === permissions(file.mode) ? file.mode : there.mode,
    });
  }
  return found;
}

/** Those that are missing or other. */
export async function writeFiles(
  instances: Instances,
  name: string,
  spec: MachineSpec,
  context: Pick<CallContext, "keyring" | "signal">,
): Promise<void> {
  const there = new Map((await filesIn(instances, name, spec, context)).map((file) => [file.path, file]));
  for (const file of spec.files) {
    const found = there.get(file.path);
    if (found?.content === file.content && found.mode === file.mode) continue;
    const content = context.keyring.openAll(file.content);
    // LXD gives permissions to new files only.
    if (found !== undefined && found.mode !== file.mode)
      await instances.removeFile(name, file.path, context.signal);
    await instances.writeFile(name, file.path, content, file.mode, context.signal);
  }
}

function permissions(mode: string): number {
  return Number.parseInt(mode, 8);
}
