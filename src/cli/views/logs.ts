/** Log lines of several instances: each instance has a colour. */
import type { ServiceLogLine } from "../../client/client.ts";
import { type Style, padded } from "./style.ts";

export class LogColours {
  readonly #style: Style;
  readonly #given = new Map<string, (text: string) => string>();
  #widest = 0;

  constructor(style: Style) {
    this.#style = style;
  }

  /** The instance's name in its colour, as wide as the widest so far. */
  prefix(instance: string): string {
    this.#widest = Math.max(this.#widest, instance.length);
    return this.#colour(instance)(`${padded(instance, this.#widest)} |`);
  }

  /** In the order in which instances appear, so that neighbours differ. */
  #colour(instance: string): (text: string) => string {
    const { cyan, yellow, green, magenta, blue, red } = this.#style;
    const palette = [cyan, yellow, green, magenta, blue, red];
    const known = this.#given.get(instance) ?? palette[this.#given.size % palette.length] ?? cyan;
    this.#given.set(instance, known);
    return known;
  }
}

/** The text is passed on as it is, with its colours. */
export function serviceLogLine(
  line: ServiceLogLine,
  colours: LogColours,
  options: { readonly timestamps: boolean; readonly prefix: boolean },
): string {
  return [
    ...(options.prefix ? [colours.prefix(line.instance)] : []),
    ...(options.timestamps ? [line.time] : []),
    line.text,
  ].join(" ");
}
