import type { PathFacts, PathSeen } from "./look.ts"

/** Where the names of root and of whoever the session works as are found; the dot leads through the link. */
export const OWN_PATHS = ["/", "/proc/self/."] as const

/**
 * Names of users and groups on a host. `stat` would look up two names for every file, which costs more than all else it does; so
 * files are read by number, and each number is looked up once.
 */
export class Names {
  readonly #users = new Map<number, string>()
  readonly #groups = new Map<number, string>()

  get isEmpty(): boolean {
    return this.#users.size === 0
  }

  /** Takes in lines of `uid:gid:user:group`. What the host has no name for is called by its number. */
  learn(lines: string): void {
    for (const line of lines.split("\n")) {
      const [uid = "", gid = "", user = "", group = ""] = line.split(":")
      if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid)) continue
      this.#users.set(Number(uid), user === "" || user === "UNKNOWN" ? uid : user)
      this.#groups.set(Number(gid), group === "" || group === "UNKNOWN" ? gid : group)
    }
  }

  /** One path for each user and group that is not known yet. */
  strangers(seen: ReadonlyMap<string, PathSeen>): readonly string[] {
    const users = new Map<number, string>()
    const groups = new Map<number, string>()
    for (const [path, at] of seen) {
      if (at === "absent" || "failed" in at) continue
      if (!this.#users.has(at.uid)) users.set(at.uid, path)
      if (!this.#groups.has(at.gid)) groups.set(at.gid, path)
    }
    return [...new Set([...users.values(), ...groups.values()])]
  }

  /** The same facts with names where numbers stood. */
  named(seen: PathSeen): PathSeen {
    return seen === "absent" || "failed" in seen ? seen : this.namedFacts(seen)
  }

  namedFacts(facts: PathFacts): PathFacts {
    return {
      ...facts,
      owner: this.#users.get(facts.uid) ?? facts.owner,
      group: this.#groups.get(facts.gid) ?? facts.group,
    }
  }
}
