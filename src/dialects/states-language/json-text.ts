import type { Json } from "../../model/resource.ts";

/** The JSON text of a value, without spaces. */
export function jsonText(value: Json): string {
  return JSON.stringify(value);
}

/** The size of a value's JSON text in bytes of UTF-8. */
export function jsonBytes(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}
