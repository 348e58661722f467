/** A rule that does not hold; its message is the evidence. */
export class Broken extends Error {
  override name = "Broken"
}

/** A rule that does not apply to a kind, or that its world cannot show; the message says why. */
export class NotAsked extends Error {
  override name = "NotAsked"
}

/** @throws Broken with the evidence, where it is not so */
export function must(holds: boolean, evidence: string | (() => string)): asserts holds {
  if (!holds) throw new Broken(typeof evidence === "string" ? evidence : evidence())
}

/** @throws NotAsked with the reason, where something that the rule is about is missing */
export function needs<T>(value: T | undefined, why: string): asserts value is T {
  if (value === undefined) throw new NotAsked(why)
}
