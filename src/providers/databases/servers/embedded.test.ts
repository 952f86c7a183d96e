/** Class `embedded` keeps the contract: real processes, real PostgreSQL. */
import { providerConformance } from "../../../provider/conformance.ts";
import { desiredDatabase, opened } from "../fixtures/providers.ts";

providerConformance("Database of class embedded", {
  open: () => opened("embedded"),
  desired: desiredDatabase("orders"),
  secretOutputs: ["url", "password"],
});
