/** Settings of database servers: the same one is written in several ways. */
const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  k: 1024,
  kb: 1024,
  m: 2 ** 20,
  mb: 2 ** 20,
  g: 2 ** 30,
  gb: 2 ** 30,
  tb: 2 ** 40,
};
const WORDS: Readonly<Record<string, boolean>> = {
  on: true,
  true: true,
  yes: true,
  off: false,
  false: false,
  no: false,
};

/** Equal for what means the same: `on` and `true`, `1GB` and `1024MB`, 100 and `100`. */
export function settingValue(value: unknown): unknown {
  const text = String(value).trim().toLowerCase();
  if (Object.hasOwn(WORDS, text)) return WORDS[text];
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(text) ?? [];
  if (number === "") return text;
  if (unit === "") return Number(number);
  return Object.hasOwn(UNITS, unit) ? `${Number(number) * (UNITS[unit] ?? 1)} bytes` : text;
}
