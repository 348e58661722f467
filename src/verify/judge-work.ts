import type { ExpectedData } from "../program/probe-settings.ts"
import { holds } from "./expectation.ts"

/** Whether each value is as expected. Run by worker threads. */
export function holdsEach(
  claims: readonly { readonly value: unknown; readonly expected: ExpectedData }[],
): readonly boolean[] {
  return claims.map(({ value, expected }) => holds(value, expected))
}
