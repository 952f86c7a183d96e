/** One place as it is elsewhere, the rest as it was. */
import { expect, it } from "vitest";
import { transplanted } from "./transplant.ts";

const into = {
  size: 1,
  users: [
    { name: "app", access: "owner" },
    { name: "eve", access: "read" },
  ],
  extra: true,
};
const from = {
  size: 2,
  users: [
    { name: "app", access: "read" },
    { name: "old", access: "read" },
  ],
  kept: 1,
};

it.each([
  ["a member", ["size"], { ...into, size: 2 }],
  ["a member of an item", ["users", "app", "access"], { ...into, users: [from.users[0], into.users[1]] }],
  ["an item that is not there", ["users", "old"], { ...into, users: [...into.users, from.users[1]] }],
  ["an item that is too much", ["users", "eve"], { ...into, users: [into.users[0]] }],
  ["a member that is too much", ["extra"], { size: 1, users: into.users }],
  ["a member that is not there", ["kept"], { ...into, kept: 1 }],
  ["an item by its position", ["users", "0"], { ...into, users: [from.users[0], into.users[1]] }],
  ["all of it", [], from],
])("%s", (_what, steps, result) => {
  expect(transplanted(into, from, steps)).toEqual(result);
});
