type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/**
 * Compiles only where the type of `value` is exactly `T`: neither wider nor narrower, and never `any`.
 * @example exactly<Output<number>>()(made.serial)
 */
export function exactly<T>(): <V>(value: V & (Same<T, V> extends true ? unknown : { readonly expected: T })) => void {
  return () => {}
}
