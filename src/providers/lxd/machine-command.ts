/** The declared command of a Machine, run to its end. */
import { isSealed } from "../../model/sealed.ts";
import type { CallContext } from "../../provider/provider.ts";
import { redact, secretWords, secretsIn, tellingLine } from "../../provider/redaction.ts";
import type { Instances } from "./instances.ts";
import type { MachineSpec } from "./machine-form.ts";

/** Rejects with what it said last, without secrets, when it ends with another code than 0. */
export async function runCommand(
  instances: Instances,
  name: string,
  { command, env, files }: MachineSpec,
  { keyring, signal }: Pick<CallContext, "keyring" | "signal">,
): Promise<void> {
  if (command === undefined) return;
  const words = typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  const { code, output } = await instances.run(name, words, signal);
  if (code === 0) return;
  const secrets = [
    ...secretsIn(env, keyring),
    ...files.flatMap(({ content }) => (isSealed(content) ? secretWords(keyring.open(content)) : [])),
  ];
  const said = redact(tellingLine(output), secrets);
  throw new Error(`Its command ended with code ${code}${said === "" ? "" : `: ${said}`}.`);
}
