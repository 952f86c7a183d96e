import { refuse } from "../diagnostics/diagnostic.ts";

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Milliseconds of a duration such as `500ms`, `30s`, `1h30m` (Prometheus and Go spelling). */
export function parseDuration(text: string): number {
  let total = 0;
  let rest = text.trim();
  if (rest === "0") return 0;
  while (rest !== "") {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/.exec(rest);
    if (match === null) {
      refuse({
        code: "InvalidDuration",
        message: `'${text}' is not a duration.`,
        hint: "Write for example 500ms, 30s, 5m or 1h30m.",
      });
    }
    total += Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
    rest = rest.slice(match[0].length);
  }
  if (text.trim() === "") refuse({ code: "InvalidDuration", message: "An empty text is not a duration." });
  return total;
}

/** The short form that people read: `5s`, `3m12s`, `2h5m`, `4d`. Two units at most. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))}ms`;
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, "m", minutes < 10 ? seconds % 60 : 0, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return pair(hours, "h", hours < 10 ? minutes % 60 : 0, "m");
  return `${Math.floor(hours / 24)}d`;
}

function pair(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major}${majorUnit}` : `${major}${majorUnit}${minor}${minorUnit}`;
}
