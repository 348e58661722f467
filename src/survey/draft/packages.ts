import type { Draft } from "./node.ts"

/** Names that a package can have. */
const NAME = /^[a-z0-9A-Z][\w.+-]*$/

/** Packages that somebody asked for: those that they need come with them. */
export const packages: Draft = {
  kinds: ["host.package"],
  name: "packages",
  about: "Packages that somebody asked for, beyond the base. What they need comes with them.",
  draft: ({ packages: found }) => ({
    nodes: (found?.own ?? [])
      .filter(({ name }) => NAME.test(name))
      .map(({ name, version }) => ({ kind: "host.package", id: `package ${name}`, props: { name }, note: version })),
    leftOut: [],
  }),
}
