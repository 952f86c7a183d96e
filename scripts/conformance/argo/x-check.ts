import { readCases, definitionOf } from "./cases.ts";
import { problemsOf } from "../../../src/dialects/argo/check/check.ts";
for (const one of readCases("/work/shared/corpora/argo")) for (const p of problemsOf(definitionOf(one))) if (p.severity==="error"|| (p.code==="UnknownField")) console.log(one.local?"LOCAL":"", one.id, p.severity, p.path, p.code, p.message);
