/** Buckets of a store with an HTTP API (store.ts): a provider in ten lines. */
import { TerminalError, defineResource, z } from "tutti";

export const bucket = defineResource("Bucket", {
  spec: z.object({ api: z.string(), name: z.string().meta({ immutable: true }), quota: z.int().default(10) }),
  outputs: z.object({ url: z.string(), objects: z.number() }),
  observe: async ({ spec }) => {
    const found = await ask("GET", spec);
    return found && { actual: { quota: found.quota }, outputs: { url: urlOf(spec), objects: found.objects } };
  },
  ensure: async ({ spec }) => void (await ask("PUT", spec, { quota: spec.quota })),
  remove: ({ spec }) => ask("DELETE", spec),
});

interface Address {
  readonly api: string;
  readonly name: string;
}

const urlOf = ({ api, name }: Address): string => new URL(`/buckets/${name}`, api).href;

/** Nothing where there is no such bucket. What the store refuses is refused; what it cannot do now is tried again. */
async function ask(method: string, address: Address, content?: object): Promise<Found | undefined> {
  const response = await fetch(urlOf(address), {
    method,
    ...(content === undefined ? {} : { body: JSON.stringify(content) }),
  });
  if (response.status === 404) return undefined;
  if (response.status < 300) return (await response.json()) as Found;
  const reason = await response.text();
  throw response.status < 500 ? new TerminalError(reason) : new Error(reason);
}

interface Found {
  readonly quota: number;
  readonly objects: number;
}
