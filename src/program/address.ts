import { FettleError } from "../errors.ts"

/** A stable name in the program: `group/kind[name]`. */
export type Address = string & { readonly __address: unique symbol }

/** Names are printed, quoted and typed by people at night: one line, bounded, and never a bracket that would end the address. */
const NAME = /^[^\p{C}\p{Z}[\]](?:[^\p{C}[\]\u2028\u2029]*[^\p{C}\p{Z}[\]])?$/u
/** Longest name: a path of PATH_MAX is longer, but nobody can read or type one. */
const NAME_MAX = 512

/**
 * Builds an address from the groups around a declaration, its kind and its name.
 * @throws FettleError `NAME_INVALID` where a part holds control characters, brackets or nothing at all.
 * @example addressOf(["web"], "host.file", "config") // "web/host.file[config]"
 */
export function addressOf(groups: readonly string[], kind: string, name: string): Address {
  const prefix = groups.length === 0 ? "" : `${groups.join("/")}/`
  return `${prefix}${kind}[${name}]` as Address
}

/**
 * The path of the groups around an address; empty where there are none. A name may hold slashes, groups and kinds do not.
 * @example groupOf("web/eu/host.file[/etc/motd]") // "web/eu"
 */
export function groupOf(address: string): string {
  return address.slice(0, Math.max(0, address.lastIndexOf("/", address.indexOf("["))))
}

/**
 * Refuses a name that could not stand in an address.
 * @throws FettleError `NAME_INVALID`
 */
export function checkName(name: string, what: "program" | "group" | "node" | "stage" | "key"): void {
  if (typeof name !== "string" || name.length > NAME_MAX || !NAME.test(name))
    throw new FettleError("NAME_INVALID", `the ${what} name ${JSON.stringify(String(name)).slice(0, 80)} is not usable`)
  if (what !== "node" && name.includes("/"))
    throw new FettleError("NAME_INVALID", `the ${what} name ${JSON.stringify(name)} holds a slash`)
}
