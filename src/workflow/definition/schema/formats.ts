/** Formats of texts that are checked, as the draft names them, and what each is for people. */

export const FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", "a date such as 2026-03-01"],
  ["time", "a time of day such as 09:30:00Z"],
  ["date-time", "an instant such as 2026-03-01T09:30:00Z"],
  ["duration", "a duration such as P1DT2H"],
  ["email", "an email address"],
  ["hostname", "the name of a host"],
  ["ipv4", "an IPv4 address"],
  ["ipv6", "an IPv6 address"],
  ["uri", "a URI such as https://example.com/x"],
  ["uri-reference", "a URI, absolute or relative"],
  ["uri-template", "a URI template"],
  ["uuid", "a UUID"],
  ["json-pointer", "a JSON pointer such as /a/0"],
  ["relative-json-pointer", "a relative JSON pointer such as 1/a"],
  ["regex", "a regular expression"],
]);

/** Characters: what is longer is of no format, and not looked at. */
export const LONGEST_FORMATTED = 8192;
