/** Tags of state machines and activities. */
import { z } from "zod";
import { type Operation, type StatesContext, read } from "./context.ts";
import { Fault, fault } from "./fault.ts";
import { changeMachine, requireMachine, tagsIn, tagsShape } from "./machine.ts";
import { requireActivity, tagActivity } from "./tasks.ts";

interface Tagged {
  readonly tags: Readonly<Record<string, string>>;
  readonly write: (tags: Readonly<Record<string, string>>) => Promise<void>;
}

function tagged(context: StatesContext, text: string): Tagged {
  try {
    if (text.includes(":activity:")) {
      const activity = requireActivity(context, text);
      return { tags: activity.tags, write: (tags) => tagActivity(context, activity, tags) };
    }
    const machine = requireMachine(context, text);
    const { particulars } = machine;
    return {
      tags: particulars.tags,
      write: (tags) =>
        changeMachine(context, machine, (latest) => ({ particulars: { ...latest.particulars, tags } })),
    };
  } catch (error) {
    if (!(error instanceof Fault) || error.name === "InvalidArn") throw error;
    return fault("ResourceNotFound", `Request references a resource that does not exist: '${text}'`);
  }
}

const byArn = z.object({ resourceArn: z.string() });

const tagResource: Operation = async (context, input) => {
  const { resourceArn, tags } = read(byArn.extend({ tags: tagsShape }), input);
  const { tags: there, write } = tagged(context, resourceArn);
  const all = { ...there, ...tagsIn(tags) };
  if (Object.keys(all).length > 50) fault("TooManyTags", "A resource has at most 50 tags.");
  await write(all);
  return {};
};

const untagResource: Operation = async (context, input) => {
  const { resourceArn, tagKeys } = read(byArn.extend({ tagKeys: z.array(z.string()) }), input);
  const { tags, write } = tagged(context, resourceArn);
  await write(Object.fromEntries(Object.entries(tags).filter(([key]) => !tagKeys.includes(key))));
  return {};
};

const listTagsForResource: Operation = async (context, input) => {
  const { tags } = tagged(context, read(byArn, input).resourceArn);
  return { tags: Object.entries(tags).map(([key, value]) => ({ key, value })) };
};

export const tagOperations: Readonly<Record<string, Operation>> = {
  TagResource: tagResource,
  UntagResource: untagResource,
  ListTagsForResource: listTagsForResource,
};
