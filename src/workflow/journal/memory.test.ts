import { journalConformance } from "./conformance.ts";
import { MemoryJournal } from "./memory.ts";

journalConformance("the memory journal", () => new MemoryJournal());
