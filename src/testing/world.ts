import type { z } from "zod"
import type { AnyProvider, Connection, Provider } from "../provider.ts"

/** What a program writes as the props of a kind. */
export type GivenProps<P extends AnyProvider> = z.input<P["props"]>

type ClientOf<P> = P extends Provider<infer _Props, infer _Outputs, infer C> ? C : never

/**
 * The far side of a kind as `conforms` needs it: real, and only used by the tests. What it counts and makes, it counts
 * and makes without the kind.
 * @example
 * const world: World<typeof role> = {
 *   connection: postgres({ url }),
 *   props: (variant) => ({ name: `role_${variant}` }),
 *   change: (props) => ({ ...props, login: true }),
 *   count: async () => (await sql`select from pg_roles where rolname like 'role_%'`).length,
 * }
 */
export interface World<P extends AnyProvider = AnyProvider> {
  /** The way to the far side; left out where the kind needs none. */
  readonly connection?: Connection<ClientOf<P>>
  /** Props of one thing: the same for the same variant, and of another thing for another variant. */
  props(variant: number): GivenProps<P>
  /** Props that want the same thing in another state. */
  change(props: GivenProps<P>): GivenProps<P>
  /** How many things there are on the far side, whoever made them. */
  count(): number | Promise<number>
  /** How many calls the far side has had so far, reads and writes. Without it, nobody bounds the calls of a read. */
  calls?(): number | Promise<number>
  /** Makes a thing under the id of these props, as somebody would who does not know Fettle. */
  foreign?(props: z.output<P["props"]>): unknown
  /** Changes or removes the thing of these props on the far side, as somebody would who does not know Fettle. */
  disturb?(props: z.output<P["props"]>): unknown
  /** From now on nothing can be read there, until what it gives is called. */
  breakReads?(): (() => unknown) | Promise<() => unknown>
  /** Props that fit the schema and that the far side refuses. */
  refused?(variant: number): GivenProps<P>
  /** Values that `secret.env(NAME)` of the props finds, by name. Every sink is searched for them. */
  readonly secrets?: Readonly<Record<string, string>>
  readonly faults?: Faults
}

/** Weaknesses that a far side may have, as the author's world can show them. Each lasts until `clear`. */
export interface Faults {
  /**
   * The horizon to test with, in milliseconds, in place of the one that a kind which settles by mark declares: the
   * faults stay within it. Without it, every settled create waits as long as declared.
   */
  readonly horizonMs?: number
  /** From now on lists answer with what is there now, whatever happens after. Asking for one thing by its id may stay exact. */
  stale?(): unknown
  /** Lists end after so many things, in the way this far side does when it cannot give more. */
  truncate?(things: number): unknown
  /** Ends all faults. */
  clear(): unknown
}
