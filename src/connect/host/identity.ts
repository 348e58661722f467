/** Who a host is, by what it says and by the key that proved it: "host:MACHINE-ID ssh-ed25519=SHA256:…". */
export function identityOf(found: {
  readonly machineId: string | undefined
  readonly hostname: string
  /** "ssh-ed25519 SHA256:…" */
  readonly hostKey: string | undefined
}): string {
  const machine = found.machineId === undefined ? `host:name:${found.hostname}` : `host:${found.machineId}`
  return found.hostKey === undefined ? machine : `${machine} ${found.hostKey.replace(" ", "=")}`
}

/**
 * Whether a host is the one that was remembered. A host has a key of each type and shows one, as each operator's ssh prefers: only
 * two keys of one type can tell two hosts apart. Two machines made from one image may share the machine id, so that alone is not enough.
 * @returns `remember` grows by a key type that is new; `other` says what differs
 */
export function recognize(
  remembered: string,
  found: string,
): { readonly remember: string } | { readonly other: string } {
  const [machineThen = "", ...keysThen] = remembered.split(" ")
  const [machineNow = "", ...keysNow] = found.split(" ")
  if (machineNow.startsWith("container:") && machineThen !== machineNow)
    return { other: "it is another container, made since" }
  if (machineThen !== machineNow) return { other: "it is another machine, or was installed anew" }
  const known = new Map(keysThen.map((each) => [each.split("=")[0] as string, each]))
  for (const key of keysNow) {
    const type = key.split("=")[0] as string
    const before = known.get(type)
    if (before !== undefined && before !== key)
      return {
        other: `its machine id is the same and its host key (${type}) is another: a copy, or the key was changed`,
      }
    known.set(type, key)
  }
  return { remember: [machineThen, ...[...known.values()].sort()].join(" ") }
}
