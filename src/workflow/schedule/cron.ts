/**
 * Cron patterns (croner reads them): five fields, or six or seven with seconds before and years behind, with names, ranges,
 * steps, L, # and W, and nicknames such as @daily. Croner is asked on a clock without a zone, once a day for the days and
 * once for the times of day: what becomes of them when a clock is changed is decided in clock-change.ts, for all rules alike.
 */
import { Cron } from "croner";
import { refuse } from "../../diagnostics/diagnostic.ts";
import { DAY, HOUR, MINUTE, SECOND, type Wall } from "./civil.ts";
import { product } from "./recurrence.ts";
import type { WallSource } from "./wall-source.ts";

const nicknames: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

interface CronPattern {
  readonly walls: WallSource;
  /** Whether it leaves out some hours of a day. */
  readonly namesHours: boolean;
}

/** Throws a DiagnosticError for a pattern that cannot be read. */
export function cronPattern(text: string): CronPattern {
  const pattern = nicknames[text.trim().toLowerCase()] ?? text.trim();
  const fields = pattern.split(/\s+/);
  check(text, fields);
  const [second, minute, hour, dayOfMonth, month, weekday, year] =
    fields.length === 5 ? ["0", ...fields] : fields;
  const hours = timesOf(`0 0 ${hour} * * *`).map((time) => time / HOUR);
  const minutes = timesOf(`0 ${minute} 0 * * *`).map((time) => time / MINUTE);
  const seconds = timesOf(`${second} 0 0 * * *`).map((time) => time / SECOND);
  const times = product(hours, minutes, seconds);
  const days = cronOf(["0 0 0", dayOfMonth, month, weekday, ...(year === undefined ? [] : [year])].join(" "));
  return {
    namesHours: hours.length < 24,
    walls: {
      from: function* (wall: Wall) {
        const first = Math.floor(wall / DAY) * DAY;
        for (let day = days.nextRun(new Date(first - SECOND)); day !== null; day = days.nextRun(day)) {
          const start = day.getTime();
          for (const time of times) if (start + time >= wall) yield start + time;
        }
      },
    },
  };
}

function check(text: string, fields: readonly string[]): void {
  try {
    cronOf(fields.join(" "));
  } catch (error) {
    refuse({
      code: "InvalidCron",
      message: `'${text.slice(0, 200)}' is no cron pattern: ${(error as Error).message.replace(/^CronPattern: |\.$/g, "")}.`,
      hint: "Write minute, hour, day of month, month and weekday, for example '30 6 * * MON-FRI'.",
    });
  }
}

/** The times of day of a pattern that leaves out no day. */
function timesOf(pattern: string): readonly number[] {
  const cron = cronOf(pattern);
  const times: number[] = [];
  for (
    let time = cron.nextRun(new Date(-SECOND));
    time !== null && time.getTime() < DAY;
    time = cron.nextRun(time)
  )
    times.push(time.getTime());
  return times;
}

function cronOf(pattern: string): Cron {
  return new Cron(pattern, { utcOffset: 0, paused: true });
}
