/**
 * Durations as Prometheus' files have them: whole numbers of units from long to short, each once. `1h30m` is one, `1.5h`
 * and `30m1h` are not. Stricter than model/duration.ts on purpose: a file that Prometheus refuses must not load here.
 *
 * Source: Prometheus' configuration reference, `<duration>`.
 */
const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const UNITS = [31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1] as const;
/** 2^63 nanoseconds, the longest that Prometheus can hold. */
const LONGEST = 2 ** 63 / 1e6;

/** Milliseconds; undefined when the text is no duration. */
export function parseRuleDuration(text: string): number | undefined {
  if (text === "0") return 0;
  const match = DURATION.exec(text);
  if (text === "" || match === null) return undefined;
  const total = UNITS.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * unit, 0);
  return total > LONGEST ? undefined : total;
}

/** In the same spelling; weeks and years only when nothing is left over, as Prometheus writes it. */
export function formatRuleDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  const names = ["y", "w", "d", "h", "m", "s", "ms"] as const;
  let rest = milliseconds;
  let text = "";
  names.forEach((name, index) => {
    const unit = UNITS[index] as number;
    if ((name === "y" || name === "w") && rest % unit !== 0) return;
    const count = Math.floor(rest / unit);
    if (count > 0) text += `${count}${name}`;
    rest -= count * unit;
  });
  return text;
}
