/** The parser for a format. */
import type { ExpositionLimits } from "./limits.ts";
import type { ExpositionMemory, ExpositionParser, SampleListener } from "./memory.ts";
import { ProtobufParser } from "./protobuf-parser.ts";
import { TextParser } from "./text-parser.ts";

/** `source`: where the exposition comes from, for diagnostics. Begins a pass over `memory`. */
export function openParser<Owner>(
  source: string,
  memory: ExpositionMemory<Owner>,
  limits: ExpositionLimits,
  onSample: SampleListener<Owner>,
): ExpositionParser<Owner> {
  const Parser = memory.format === "protobuf" ? ProtobufParser<Owner> : TextParser<Owner>;
  return new Parser(source, memory, limits, onSample);
}
