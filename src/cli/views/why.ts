/** The chain of causes as a story: the last thing first, each followed by what led to it. */
import type { WhyLink } from "../../client/client.ts";
import { type Style, harmless } from "./style.ts";
import { age } from "./table.ts";
import { seconds } from "./tree.ts";

export function whyView(
  address: string,
  chain: readonly WhyLink[],
  { style, now }: { readonly style: Style; readonly now: number },
): string {
  const [latest] = chain;
  if (latest === undefined) return `Nothing is recorded of ${address} any more.`;
  const lines = [`${style.bold(address)} changed last ${age(latest.time, now)} ago.`, ""];
  for (const [index, link] of chain.entries()) {
    const earlier = chain[index + 1];
    lines.push(...linkLines(link, index === 0, style));
    if (earlier !== undefined)
      lines.push(`    ${style.dim(`because, ${elapsed(earlier.time, link.time)}:`)}`);
  }
  return lines.join("\n");
}

function linkLines(link: WhyLink, isFirst: boolean, style: Style): readonly string[] {
  const who = whoText(link.actor);
  const head = `${isFirst ? style.green("●") : style.cyan("○")} ${style.dim(clockTime(link.time))}  ${style.bold(who)}: ${harmless(link.action)}`;
  const summary = harmless(link.summary);
  const what = summary.startsWith(link.address) ? summary : `${link.address}  ${summary}`;
  return [head, `    ${what} ${style.dim(`(revision ${link.revision})`)}`];
}

/** `user:admin` is a person, `controller:rollout` the rollout controller. */
function whoText(actor: string): string {
  const [type = "", name = ""] = actor.split(":");
  if (name === "") return harmless(actor);
  if (type === "user") return harmless(name);
  if (type === "controller") return `the ${harmless(name)} controller`;
  return `${harmless(type)} ${harmless(name)}`;
}

function clockTime(time: string): string {
  return time.replace("T", " ").replace(/Z$/, "");
}

function elapsed(from: string, to: string): string {
  const milliseconds = Date.parse(to) - Date.parse(from);
  return Number.isNaN(milliseconds) || milliseconds < 1000
    ? "just before"
    : `${seconds(milliseconds)} before`;
}
