/**
 * A moment in a time zone, written by Go's layouts: a layout is the reference time Mon Jan 2 15:04:05 MST 2006 as one
 * would like to see it.
 *
 * Source: Go's documentation of the constants of package time.
 */
export class Moment {
  /** Milliseconds since the epoch; fractions are kept. */
  readonly epoch: number;
  /** IANA name. */
  readonly zone: string;

  constructor(epoch: number, zone = "UTC") {
    this.epoch = epoch;
    this.zone = zone;
  }

  /** Throws a RangeError when there is no such zone. */
  in(zone: string): Moment {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
    return new Moment(this.epoch, zone);
  }

  /** Minutes east of Greenwich. */
  get offset(): number {
    if (this.zone === "UTC") return 0;
    const parts = new Intl.DateTimeFormat("en-US", { timeZone: this.zone, timeZoneName: "longOffset" });
    const name = parts.formatToParts(this.epoch).find(({ type }) => type === "timeZoneName")?.value ?? "";
    const match = /([+-])(\d\d):(\d\d)/.exec(name);
    if (match === null) return 0;
    const minutes = Number(match[2]) * 60 + Number(match[3]);
    return match[1] === "-" ? -minutes : minutes;
  }

  /** Its fields as they are read in the zone: a Date whose UTC getters give them. */
  get local(): Date {
    return new Date(Math.floor(this.epoch + this.offset * 60_000));
  }

  get zoneName(): string {
    if (this.zone === "UTC") return "UTC";
    const format = new Intl.DateTimeFormat("en-GB", { timeZone: this.zone, timeZoneName: "short" });
    return format.formatToParts(this.epoch).find(({ type }) => type === "timeZoneName")?.value ?? this.zone;
  }

  format(layout: string): string {
    const local = this.local;
    return layout.replace(ELEMENTS, (element) => {
      const write = WRITERS[element];
      return write === undefined ? fraction(element, this.epoch) : write(local, this);
    });
  }

  /** As Go prints a time. */
  toString(): string {
    return this.format("2006-01-02 15:04:05.999999999 -0700 MST");
  }
}

export const MONTHS: readonly string[] = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

export const WEEKDAYS: readonly string[] = [
  "Sunday",
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
];

export function dayOfYear(local: Date): number {
  return Math.floor((local.getTime() - Date.UTC(local.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
}

/** Longer ones first, as one may begin another. */
export const ELEMENTS =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|Z07:00:00|Z070000|Z07:00|Z0700|Z07|-07:00:00|-070000|-07:00|-0700|-07|2006|__2|_2|002|01|02|03|04|05|06|15|PM|pm|[.,]0+(?!\d)|[.,]9+(?!\d)|1|2|3|4|5/g;

type Writer = (local: Date, moment: Moment) => string;

const WRITERS: Readonly<Record<string, Writer>> = {
  January: (local) => MONTHS[local.getUTCMonth()] ?? "",
  Jan: (local) => (MONTHS[local.getUTCMonth()] ?? "").slice(0, 3),
  "1": (local) => String(local.getUTCMonth() + 1),
  "01": (local) => padded(local.getUTCMonth() + 1),
  Monday: (local) => WEEKDAYS[local.getUTCDay()] ?? "",
  Mon: (local) => (WEEKDAYS[local.getUTCDay()] ?? "").slice(0, 3),
  "2": (local) => String(local.getUTCDate()),
  _2: (local) => String(local.getUTCDate()).padStart(2, " "),
  "02": (local) => padded(local.getUTCDate()),
  __2: (local) => String(dayOfYear(local)).padStart(3, " "),
  "002": (local) => padded(dayOfYear(local), 3),
  "15": (local) => padded(local.getUTCHours()),
  "3": (local) => String(hour12(local)),
  "03": (local) => padded(hour12(local)),
  "4": (local) => String(local.getUTCMinutes()),
  "04": (local) => padded(local.getUTCMinutes()),
  "5": (local) => String(local.getUTCSeconds()),
  "05": (local) => padded(local.getUTCSeconds()),
  "2006": (local) => padded(local.getUTCFullYear(), 4),
  "06": (local) => padded(local.getUTCFullYear() % 100),
  PM: (local) => (local.getUTCHours() >= 12 ? "PM" : "AM"),
  pm: (local) => (local.getUTCHours() >= 12 ? "pm" : "am"),
  MST: (_, moment) => moment.zoneName,
  "-07": (_, moment) => offset(moment, "", 1),
  "-0700": (_, moment) => offset(moment, "", 2),
  "-07:00": (_, moment) => offset(moment, ":", 2),
  "-070000": (_, moment) => offset(moment, "", 3),
  "-07:00:00": (_, moment) => offset(moment, ":", 3),
  Z07: (_, moment) => (moment.offset === 0 ? "Z" : offset(moment, "", 1)),
  Z0700: (_, moment) => (moment.offset === 0 ? "Z" : offset(moment, "", 2)),
  "Z07:00": (_, moment) => (moment.offset === 0 ? "Z" : offset(moment, ":", 2)),
  Z070000: (_, moment) => (moment.offset === 0 ? "Z" : offset(moment, "", 3)),
  "Z07:00:00": (_, moment) => (moment.offset === 0 ? "Z" : offset(moment, ":", 3)),
};

function padded(value: number, width = 2): string {
  return String(value).padStart(width, "0");
}

function hour12(local: Date): number {
  return local.getUTCHours() % 12 || 12;
}

function offset(moment: Moment, separator: string, parts: number): string {
  const minutes = Math.abs(moment.offset);
  const fields = [padded(Math.floor(minutes / 60)), padded(minutes % 60), "00"].slice(0, parts);
  return `${moment.offset < 0 ? "-" : "+"}${fields.join(separator)}`;
}

/** `.000` writes so many digits, `.999` leaves out zeros at the end. */
function fraction(element: string, epoch: number): string {
  const nanoseconds = Math.round((((epoch % 1000) + 1000) % 1000) * 1e6);
  const digits = padded(nanoseconds, 9).slice(0, element.length - 1);
  if (element[1] === "0") return element[0] + digits;
  const kept = digits.replace(/0+$/, "");
  return kept === "" ? "" : `${element[0]}${kept}`;
}
