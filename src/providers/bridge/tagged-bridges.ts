/** Networks with a tag: bridges of one tag in a switch of Open vSwitch. External ids say whose each is. */
import { MADE_WITH, MARK, MEMBER, type OpenVSwitch, datapath, external } from "./open-vswitch.ts";
import { switchMark, switchName } from "./marks.ts";
import type { BridgeSort, Wanted } from "./bridge-sort.ts";
import type { Bridge, Surroundings } from "./surroundings.ts";

export class TaggedBridges implements BridgeSort {
  readonly #openVSwitch: OpenVSwitch;
  readonly #home: string;

  constructor(openVSwitch: OpenVSwitch, home: string) {
    this.#openVSwitch = openVSwitch;
    this.#home = home;
  }

  async create(
    { name, mark, tag = 0 }: Wanted,
    { switches }: Surroundings,
    signal: AbortSignal,
  ): Promise<void> {
    const shared = this.#openVSwitch.switchFor(switchName(this.#home));
    const isThere = switches.some((one) => one.name === shared);
    await this.#openVSwitch.change(
      [
        ...(isThere || !this.#openVSwitch.makesItsSwitch ? [] : this.#newSwitch(shared)),
        ["--may-exist", "add-br", name, shared, String(tag)],
        ["set", "port", name, external(MARK, mark), external(MADE_WITH, String(tag))],
      ],
      signal,
    );
  }

  #newSwitch(name: string): readonly (readonly string[])[] {
    return [
      ["--may-exist", "add-br", name],
      ["set", "bridge", name, `datapath_type=${datapath()}`, external(MARK, switchMark(this.#home))],
    ];
  }

  async setMark({ name }: Bridge, mark: string | undefined, signal: AbortSignal): Promise<void> {
    await this.#openVSwitch.change(
      [
        mark === undefined
          ? ["remove", "port", name, "external_ids", MARK, MADE_WITH]
          : ["set", "port", name, external(MARK, mark)],
      ],
      signal,
    );
  }

  /** What has the tag by which it was made goes with it. */
  async setTag(
    { name, tag: found, madeWith, switch: shared }: Bridge,
    tag: number | undefined,
    { ports }: Surroundings,
    signal: AbortSignal,
  ): Promise<void> {
    if (tag === undefined || (found === tag && madeWith === tag)) return;
    const moving = ports.filter(
      (port) => !port.isBridge && port.switch === shared && port.tag === madeWith && port.name !== shared,
    );
    await this.#openVSwitch.change(
      [
        ["set", "port", name, `tag=${tag}`, external(MADE_WITH, String(tag))],
        ...moving.map((port) => ["set", "port", port.name, `tag=${tag}`]),
      ],
      signal,
    );
  }

  async attach(
    { name, switch: shared }: Bridge,
    member: string,
    mark: string,
    { ports, bridges }: Surroundings,
    signal: AbortSignal,
  ): Promise<void> {
    const port = ports.find((one) => one.name === member);
    const tag = bridges.find((one) => one.name === name)?.tag ?? 0;
    const ids = external(MEMBER, mark);
    await this.#openVSwitch.change(
      port?.switch === shared
        ? [["set", "port", member, `tag=${tag}`, ids]]
        : [
            ["--may-exist", "add-port", name, member],
            ["set", "port", member, `tag=${tag}`, ids],
          ],
      signal,
    );
  }

  async detach(_bridge: string, member: string, _around: Surroundings, signal: AbortSignal): Promise<void> {
    await this.#openVSwitch.change([["--if-exists", "del-port", member]], signal);
  }

  /** The switch that was made for it goes with the last. */
  async remove({ name }: Bridge, around: Surroundings, signal: AbortSignal): Promise<void> {
    const steps = [["--if-exists", "del-br", name], ...this.#unused(around, name)];
    await this.#openVSwitch.change(steps, signal);
  }

  async tidy(around: Surroundings, signal: AbortSignal): Promise<void> {
    await this.#openVSwitch.change(this.#unused(around), signal);
  }

  /** Away with the switch that is ours, where nothing is on it but what goes. */
  #unused({ switches, ports }: Surroundings, going?: string): readonly string[][] {
    const own = switches.find(({ ids }) => ids.get(MARK) === switchMark(this.#home))?.name;
    if (own === undefined) return [];
    const isUsed = ports.some((port) => port.switch === own && port.name !== own && port.name !== going);
    return isUsed ? [] : [["--if-exists", "del-br", own]];
  }
}
