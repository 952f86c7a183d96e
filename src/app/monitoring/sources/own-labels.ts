import { LABELS, type Resource, addressOf } from "../../../model/resource.ts";
import type { LabelValues } from "../../../provider/exposition.ts";
import { TARGET_LABELS } from "../../../provider/monitoring.ts";

/** By which the series of a resource are known, in expositions that speak of several. */
export function ownLabels(resource: Resource): LabelValues {
  const system = resource.metadata.labels?.[LABELS.system];
  return {
    [TARGET_LABELS.namespace]: resource.metadata.namespace ?? "default",
    ...(system === undefined ? {} : { [TARGET_LABELS.system]: system }),
    [TARGET_LABELS.resource]: addressOf(resource),
  };
}
