/** Bridges of the kernel: networks without a tag. The alias of an interface says whose it is. */
import type { Commands } from "./commands.ts";
import { isMemberMark } from "./marks.ts";
import type { BridgeSort, Wanted } from "./bridge-sort.ts";
import type { Bridge, Surroundings } from "./surroundings.ts";

export class LinuxBridges implements BridgeSort {
  readonly #commands: Commands;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  async create({ name, mark }: Wanted, { links }: Surroundings, signal: AbortSignal): Promise<void> {
    // There, without a mark, when we were killed between the two.
    if (!links.has(name)) await this.#ip(["link", "add", "name", name, "type", "bridge"], signal);
    await this.#ip(["link", "set", name, "alias", mark], signal);
  }

  async setMark({ name }: Bridge, mark: string | undefined, signal: AbortSignal): Promise<void> {
    await this.#ip(["link", "set", name, "alias", mark ?? ""], signal);
  }

  async setTag(): Promise<void> {}

  async attach(
    { name }: Bridge,
    member: string,
    mark: string,
    { links }: Surroundings,
    signal: AbortSignal,
  ): Promise<void> {
    const { alias, master } = links.get(member) ?? {};
    // An alias that somebody gave it stays.
    if (alias === undefined || isMemberMark(alias))
      await this.#ip(["link", "set", member, "alias", mark], signal);
    if (master !== name) await this.#ip(["link", "set", member, "master", name], signal);
  }

  async detach(name: string, member: string, { links }: Surroundings, signal: AbortSignal): Promise<void> {
    const link = links.get(member);
    if (link?.master === name) await this.#ip(["link", "set", member, "nomaster"], signal);
    if (isMemberMark(link?.alias)) await this.#ip(["link", "set", member, "alias", ""], signal);
  }

  async remove({ name }: Bridge, _around: Surroundings, signal: AbortSignal): Promise<void> {
    await this.#ip(["link", "delete", name, "type", "bridge"], signal);
  }

  async tidy(): Promise<void> {}

  async #ip(args: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#commands.run(["ip", ...args], signal);
  }
}
