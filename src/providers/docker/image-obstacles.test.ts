import { describe, expect, it } from "vitest";
import { type Prospect, TerminalError } from "../../provider/provider.ts";
import { imageObstacles } from "./image-obstacles.ts";

const prospect = (spec: object): Prospect => ({
  namespace: "default",
  name: "api",
  folder: "/",
  spec: { ...spec },
});

describe("an image", () => {
  it("that neither the engine nor a registry has stands against the service", async () => {
    const refused = new TerminalError({ code: "ImageNotFound", path: "spec.image", message: "No." });
    const found = await imageObstacles(prospect({ image: "shop/api:9" }), () => Promise.reject(refused));
    expect(found).toEqual([refused.diagnostic]);
  });

  it("that is not there and must not be fetched does as well", async () => {
    const never = prospect({ image: "shop/api:9", pull: { policy: "never" } });
    expect(await imageObstacles(never, () => Promise.resolve(undefined))).toMatchObject([
      { code: "ImageNotFound", path: "spec.image" },
    ]);
  });

  it("that is pinned, or not named, is not asked for again", async () => {
    const pin = (): never => expect.fail("asked");
    expect(await imageObstacles(prospect({ image: "a", digest: "sha256:1" }), pin)).toEqual([]);
    expect(await imageObstacles(prospect({ build: {} }), pin)).toEqual([]);
  });

  it("of a registry that does not answer is not judged: whoever asks says so", async () => {
    const away = (): Promise<never> => Promise.reject(new Error("The registry does not answer."));
    await expect(imageObstacles(prospect({ image: "a:1" }), away)).rejects.toThrow("does not answer");
  });
});
